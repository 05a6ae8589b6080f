#include "core/hf/upload.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::hf {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kSampleBytes = 512;
constexpr std::size_t kFilesOfCall = 250;
constexpr int kAttempts = 5;
constexpr std::chrono::milliseconds kFirstBackoff{300};
constexpr const char* kJson = "application/json";
constexpr const char* kLfsJson = "application/vnd.git-lfs+json";

std::string first_bytes(const LocalFile& file) {
  std::ifstream in(file.path, std::ios::binary);
  std::string bytes(kSampleBytes, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

[[noreturn]] void fail_answer(const std::string& what) {
  throw Error(
      ErrorCode::kUnavailable,
      fmt::format("the Hub's answer makes no sense: {}", what),
      {},
      "hub_answer_incomplete");
}

// The addresses of an upload in parts, in order; keys are "00001", "00002", ….
std::map<std::int64_t, std::string> part_urls(const Json& header) {
  std::map<std::int64_t, std::string> urls;
  for (const auto& [key, value] : header.items()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error == std::errc() && end == key.data() + key.size() && value.is_string()) {
      urls[number] = value.get<std::string>();
    }
  }
  return urls;
}

std::int64_t chunk_size(const Json& header) {
  const auto found = header.find("chunk_size");
  if (found == header.end()) {
    return 0;
  }
  const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 1) {
    fail_answer(fmt::format("chunk_size is \"{}\"", text.substr(0, 40)));
  }
  return value;
}

}  // namespace

Upload::Upload(Settings settings, const std::string& repository, const std::atomic<bool>* cancelled)
    : client_(std::move(settings), repository, cancelled) {
  if (client_.settings().token.empty()) {
    throw Error(
        ErrorCode::kPermissionDenied,
        fmt::format(
            "pushing to {} needs a token that may write: set HF_TOKEN, or log in with `hf auth "
            "login`",
            repository),
        {},
        "hub_token_required");
  }
}

// A mirror may hand out addresses of the public Hub.
std::string Upload::reachable(std::string url) const {
  const std::string& endpoint = client_.settings().endpoint;
  if (url.starts_with(kDefaultEndpoint) && endpoint != kDefaultEndpoint) {
    url.replace(0, kDefaultEndpoint.size(), endpoint);
  }
  return url;
}

// Repeats what fails for a moment: all calls but the commit do no harm twice. The token goes to the
// Hub only, wherever an answer of its sends us.
Json Upload::post(const std::string& url, const Json& body, const std::string& media_type) {
  net::HttpRequest request = client_.request("POST", "");
  request.url = reachable(url);
  if (!request.url.starts_with(client_.settings().endpoint + "/")) {
    request.headers.clear();
  }
  request.headers.emplace_back("Content-Type", media_type);
  request.headers.emplace_back("Accept", media_type);
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  auto backoff = kFirstBackoff;
  for (int attempt = 1;; ++attempt, backoff *= 2) {
    const net::HttpResponse response = client_.send(request);
    if (response.status < 400) {
      return response.body.empty() ? Json::object()
                                   : base::parse_json(response.body, "the Hub's answer");
    }
    const bool passing = response.status == 429 || response.status >= 500;
    if (!passing || attempt >= kAttempts) {
      client_.refuse(response, "push to " + client_.repository());
    }
    std::this_thread::sleep_for(net::retry_after(response).value_or(backoff));
  }
}

void Upload::create_repository(bool is_private) {
  const std::string& name = client_.repository();
  const std::size_t slash = name.find('/');
  net::HttpRequest request = client_.request("POST", "/api/repos/create");
  request.headers.emplace_back("Content-Type", kJson);
  request.body = Json{
      {"name", name.substr(slash + 1)},
      {"organization", name.substr(0, slash)},
      {"private",
       is_private}}.dump();
  const net::HttpResponse response = client_.send(request);
  if (response.status >= 400 && response.status != 409) {
    client_.refuse(response, "make the repository " + name);
  }
}

std::vector<bool> Upload::lfs_modes(
    const std::string& branch, const std::vector<LocalFile>& files) {
  std::map<std::string, std::string> modes;
  for (std::size_t begin = 0; begin < files.size(); begin += kFilesOfCall) {
    Json list = Json::array();
    for (std::size_t i = begin; i < std::min(files.size(), begin + kFilesOfCall); ++i) {
      list.push_back(
          {{"path", files[i].name},
           {"sample", base::base64(first_bytes(files[i]))},
           {"size", files[i].size}});
    }
    const Json answer = post(
        fmt::format(
            "{}/api/models/{}/preupload/{}",
            client_.settings().endpoint,
            client_.repository(),
            base::percent_encode(branch)),
        {{"files", std::move(list)}},
        kJson);
    const Json& answered = JsonReader(answer).value("files");
    for (const Json& file : answered) {
      const JsonReader reader(file, "files");
      modes[reader.string("path")] = reader.string("uploadMode");
    }
  }
  std::vector<bool> lfs;
  for (const LocalFile& file : files) {
    const auto mode = modes.find(file.name);
    if (mode == modes.end()) {
      fail_answer(fmt::format("it does not say how {} is uploaded", file.name));
    }
    lfs.push_back(mode->second == "lfs");
  }
  return lfs;
}

net::HttpResponse Upload::put(
    const std::string& url,
    const LocalFile& file,
    std::int64_t begin,
    std::int64_t count,
    const std::function<void(std::int64_t)>& on_sent) {
  net::HttpRequest request = client_.request("PUT", "");
  request.url = reachable(url);
  request.headers.clear();  // the address itself is the permission
  request.timeout = std::chrono::milliseconds(0);
  request.body_file = file.path;
  request.body_file_offset = static_cast<std::uint64_t>(begin);
  request.body_file_bytes = static_cast<std::uint64_t>(count);
  request.on_sent = [&](std::uint64_t sent) { on_sent(static_cast<std::int64_t>(sent)); };
  net::HttpResponse response = client_.send(request);
  if (response.status >= 400) {
    client_.refuse(response, fmt::format("upload {}", file.name));
  }
  return response;
}

void Upload::upload_parts(
    const LocalFile& file,
    const Json& action,
    std::int64_t part_bytes,
    std::int64_t done,
    const std::function<void(std::int64_t)>& on_sent) {
  const auto urls = part_urls(action.at("header"));
  if (static_cast<std::int64_t>(urls.size()) != (file.size + part_bytes - 1) / part_bytes) {
    fail_answer(
        fmt::format(
            "{} addresses for parts of {} bytes of {}", urls.size(), part_bytes, file.size));
  }
  Json parts = Json::array();
  std::int64_t begin = 0;
  for (const auto& [number, url] : urls) {
    const std::int64_t count = std::min(part_bytes, file.size - begin);
    const net::HttpResponse response =
        put(url, file, begin, count, [&](std::int64_t sent) { on_sent(done + begin + sent); });
    const std::string etag = response.header("etag");
    if (etag.empty()) {
      fail_answer(fmt::format("part {} of {} has no ETag", number, file.name));
    }
    parts.push_back({{"partNumber", number}, {"etag", etag}});
    begin += count;
  }
  static_cast<void>(post(
      JsonReader(action, "upload").string("href"),
      {{"oid", file.sha256}, {"parts", std::move(parts)}},
      kLfsJson));
}

void Upload::upload_lfs(
    const std::string& branch,
    const std::vector<LocalFile>& files,
    std::int64_t done,
    const std::function<void(std::int64_t)>& on_sent) {
  Json objects = Json::array();
  for (const LocalFile& file : files) {
    objects.push_back({{"oid", file.sha256}, {"size", file.size}});
  }
  const Json answer = post(
      fmt::format(
          "{}/{}.git/info/lfs/objects/batch", client_.settings().endpoint, client_.repository()),
      {{"operation", "upload"},
       {"transfers", Json::array({"basic", "multipart"})},
       {"objects", std::move(objects)},
       {"hash_algo", "sha256"},
       {"ref", {{"name", branch}}}},
      kLfsJson);
  std::map<std::string, Json> answered;
  for (const Json& object : JsonReader(answer).value("objects")) {
    answered[JsonReader(object, "objects").string("oid")] = object;
  }
  for (const LocalFile& file : files) {
    const auto found = answered.find(file.sha256);
    if (found == answered.end() || found->second.contains("error")) {
      fail_answer(
          fmt::format(
              "it does not take {}: {}",
              file.name,
              found == answered.end() ? "no word" : found->second["error"].dump().substr(0, 200)));
    }
    const JsonReader object(found->second, "objects");
    if (const Json* actions = object.optional_object("actions")) {
      const JsonReader steps(*actions, "actions");
      const Json& upload = steps.value("upload");
      const JsonReader step(upload, "upload");
      const Json* header = step.optional_object("header");
      const std::int64_t part_bytes = header == nullptr ? 0 : chunk_size(*header);
      if (part_bytes > 0) {
        upload_parts(file, upload, part_bytes, done, on_sent);
      } else {
        put(step.string("href"), file, 0, file.size, [&](std::int64_t sent) {
          on_sent(done + sent);
        });
      }
      if (const Json* verify = steps.optional_object("verify")) {
        static_cast<void>(post(
            JsonReader(*verify, "verify").string("href"),
            {{"oid", file.sha256}, {"size", file.size}},
            kLfsJson));
      }
    }
    done += file.size;
    on_sent(done);
  }
}

Commit Upload::commit(
    const std::string& branch,
    const std::vector<LocalFile>& files,
    const std::string& message,
    const std::function<void(std::int64_t)>& on_sent) {
  const std::vector<bool> modes = lfs_modes(branch, files);
  std::vector<LocalFile> large;
  std::string lines =
      Json{{"key", "header"}, {"value", {{"summary", message}, {"description", ""}}}}.dump(
          -1, ' ', false, Json::error_handler_t::replace) +
      "\n";
  std::int64_t small_bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const LocalFile& file = files[i];
    Json value = {{"path", file.name}};
    if (modes[i]) {
      large.push_back(file);
      value["algo"] = "sha256";
      value["oid"] = file.sha256;
      value["size"] = file.size;
    } else {
      value["content"] = base::base64(base::read_file(file.path));
      value["encoding"] = "base64";
      small_bytes += file.size;
    }
    lines +=
        Json{{"key", modes[i] ? "lfsFile" : "file"}, {"value", std::move(value)}}.dump() + "\n";
  }
  if (!large.empty()) {
    upload_lfs(branch, large, small_bytes, on_sent);
  }
  net::HttpRequest request = client_.request(
      "POST",
      fmt::format("/api/models/{}/commit/{}", client_.repository(), base::percent_encode(branch)));
  request.headers.emplace_back("Content-Type", "application/x-ndjson");
  request.body = std::move(lines);
  const net::HttpResponse response = client_.send(request);
  if (response.status >= 400) {
    client_.refuse(response, "commit to " + client_.repository());
  }
  const Json answer = base::parse_json(response.body, "the Hub's answer");
  const JsonReader reader(answer);
  return {reader.string("commitOid"), reader.optional_string("commitUrl").value_or("")};
}

}  // namespace hub::hf
