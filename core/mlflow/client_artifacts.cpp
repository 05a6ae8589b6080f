// Artifacts of client.h.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/mlflow/client.h"
#include "core/mlflow/wire.h"

namespace hub::mlflow {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr int kMostParts = 10'000;  // of S3
constexpr int kPartRetries = 3;
constexpr std::chrono::milliseconds kLongestAbort{5'000};

struct Part {
  std::int64_t number = 0;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
};

std::vector<Part> parts_of(const Json& answer, std::uint64_t wanted) {
  std::vector<Part> parts;
  for (const Json& one : answer.value("credentials", Json::array())) {
    const JsonReader credential(one, "credentials");
    Part part{
        .number = credential.optional_int("part_number", 1, kMostParts).value_or(0),
        .url = credential.string("url"),
        .headers = {}};
    const Json headers = one.value("headers", Json::object());
    for (const auto& [name, value] : headers.items()) {
      part.headers.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
    parts.push_back(std::move(part));
  }
  if (parts.size() != wanted) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("MLflow offers {} parts for {} asked for", parts.size(), wanted),
        {},
        "mlflow_refused");
  }
  return parts;
}

// "NoSuchUpload" of S3's XML. The rest of it may hold a key's name and the signature.
std::string store_code(const std::string& body) {
  const std::size_t begin = body.find("<Code>");
  const std::size_t end = body.find("</Code>");
  return begin == std::string::npos || end == std::string::npos
             ? ""
             : " " + body.substr(begin + 6, std::min<std::size_t>(end - begin - 6, 100));
}

// The path of an artifact URI below the server's artifact routes, with a slash first.
std::string folder_of(const std::string& artifact_uri) {
  std::string folder = artifact_uri.substr(artifact_uri.find(':') + 1);
  if (folder.starts_with("//")) {  // names the server, too
    folder.erase(0, std::min(folder.find('/', 2), folder.size()));
  }
  return folder;
}

}  // namespace

bool Client::takes_artifacts(const std::string& artifact_uri) {
  return artifact_uri.starts_with("mlflow-artifacts:");
}

net::HttpRequest Client::artifact_request(
    const std::string& artifact_uri, const std::string& path) const {
  return request(
      "PUT",
      "/api/2.0/mlflow-artifacts/artifacts" + base::percent_encode(folder_of(artifact_uri), "/") +
          "/" + base::percent_encode(path, "/"));
}

void Client::put_artifact(
    const std::string& artifact_uri, const std::string& path, const std::string& bytes) {
  net::HttpRequest asked = artifact_request(artifact_uri, path);
  asked.body = bytes;
  send(asked, "the artifact " + path);
}

void Client::put_artifact_file(
    const std::string& artifact_uri,
    const std::string& path,
    const std::filesystem::path& file,
    std::uint64_t bytes) {
  if (bytes > settings_.part_bytes && offers_parts_ &&
      put_in_parts(artifact_uri, path, file, bytes)) {
    return;
  }
  net::HttpRequest asked = artifact_request(artifact_uri, path);
  asked.body_file = file;
  asked.body_file_bytes = bytes;
  asked.timeout = std::chrono::milliseconds(0);
  asked.stall_timeout = settings_.stall_timeout;
  send(asked, "the artifact " + path);
}

net::HttpRequest Client::multipart_request(
    const std::string& step,
    const std::string& artifact_uri,
    const std::filesystem::path& path,
    Json body) const {
  std::string folder = folder_of(artifact_uri);
  if (path.has_parent_path()) {
    folder += "/" + path.parent_path().string();
  }
  net::HttpRequest asked =
      request("POST", "/api/2.0/mlflow-artifacts/mpu/" + step + base::percent_encode(folder, "/"));
  body["path"] = path.filename().string();
  asked.headers.emplace_back("Content-Type", "application/json");
  asked.body = body.dump();
  return asked;
}

bool Client::put_in_parts(
    const std::string& artifact_uri,
    const std::string& path,
    const std::filesystem::path& file,
    std::uint64_t bytes) {
  const std::uint64_t part_bytes = std::max(settings_.part_bytes, bytes / kMostParts + 1);
  const std::uint64_t count = (bytes + part_bytes - 1) / part_bytes;
  const net::HttpResponse begun =
      exchange(multipart_request("create", artifact_uri, path, {{"num_parts", count}}));
  if (begun.status == 501 || begun.status == 404 || begun.status == 405) {
    offers_parts_ = false;
    return false;
  }
  if (begun.status >= 400) {
    refuse(begun, "mpu/create");
  }
  const Json answer = base::parse_json(begun.body, "MLflow's answer");
  const std::string id = JsonReader(answer).optional_string("upload_id").value_or("");
  try {
    const auto parts = parts_of(answer, count);
    Json sent = Json::array();
    for (std::uint64_t i = 0; i < count; ++i) {
      const Part& part = parts[i];
      net::HttpRequest asked;
      asked.method = "PUT";
      asked.url = part.url;
      asked.headers = part.headers;
      asked.body_file = file;
      asked.body_file_offset = i * part_bytes;
      asked.body_file_bytes = std::min(part_bytes, bytes - i * part_bytes);
      const std::string etag =
          send_part(std::move(asked), fmt::format("part {} of {} of {}", part.number, count, path));
      sent.push_back({{"part_number", part.number}, {"etag", etag}, {"url", part.url}});
    }
    send(
        multipart_request("complete", artifact_uri, path, {{"upload_id", id}, {"parts", sent}}),
        "mpu/complete");
  } catch (const std::exception&) {
    abort_parts(multipart_request("abort", artifact_uri, path, {{"upload_id", id}}));
    throw;
  }
  return true;
}

// The store is not the server: what it refuses is one object's affair. The URL is its signature, so
// the hub's credentials stay out and it stays out of messages.
std::string Client::send_part(net::HttpRequest part, const std::string& what) {
  part.connect_timeout = settings_.connect_timeout;
  part.timeout = std::chrono::milliseconds(0);
  part.stall_timeout = settings_.stall_timeout;
  part.retries = kPartRetries;
  part.cancelled = cancelled_;
  std::string reason;
  try {
    const net::HttpResponse response = http_.send(part);
    if (response.status < 300) {
      return response.header("etag");
    }
    reason = fmt::format("{}{}", response.status, store_code(response.body));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) {
      throw;
    }
    reason = error.what();
  }
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format("the store behind MLflow refused {}: {}", what, reason),
      {},
      "mlflow_refused");
}

// Also at the end of the process, so not for long. Where it fails, the store keeps the parts until
// its own rules remove them.
void Client::abort_parts(net::HttpRequest abort) {
  abort.cancelled = nullptr;
  abort.timeout = std::min(abort.timeout, kLongestAbort);
  try {
    exchange(abort);
  } catch (const Error&) {  // the first failure is the one to tell
  }
}

}  // namespace hub::mlflow
