#include "core/hf/client.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::hf {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr int kRetries = 4;
constexpr int kRedirects = 8;
constexpr std::size_t kMostListBytes = 64U << 20U;

std::int64_t number(const std::string& text, std::int64_t otherwise) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : otherwise;
}

// An ETag without quotes and weakness mark.
std::string plain_etag(std::string text) {
  if (text.starts_with("W/")) {
    text.erase(0, 2);
  }
  std::erase(text, '"');
  return text;
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void set_content_name(RemoteFile& file, const std::string& name) {
  if (is_hex(name, 64)) {
    file.sha256 = name;
  } else if (is_hex(name, 40)) {
    file.git_oid = name;
  }
}

// What a listing says of one file; size -1 where it does not say.
RemoteFile listed(const Json& sibling, const std::string& name) {
  RemoteFile file{.name = name, .size = -1, .sha256 = {}, .git_oid = {}};
  const base::JsonReader reader(sibling, name);
  file.size = reader.optional_int("size", 0, INT64_MAX).value_or(-1);
  set_content_name(file, reader.optional_string("blobId").value_or(""));
  if (const Json* lfs = reader.optional_object("lfs")) {
    const base::JsonReader pointer(*lfs, name + ".lfs");
    set_content_name(file, pointer.optional_string("sha256").value_or(""));
    file.size = pointer.optional_int("size", 0, INT64_MAX).value_or(file.size);
  }
  return file;
}

}  // namespace

bool is_connection_failure(const std::string& reason) {
  return reason == "connection_refused" || reason == "connection_lost" || reason == "timeout" ||
         reason == "unreachable";
}

Client::Client(Settings settings, std::string repository, const std::atomic<bool>* cancelled)
    : settings_(std::move(settings)), repository_(std::move(repository)), cancelled_(cancelled) {
  check_repository(repository_, "repository");
}

net::HttpRequest Client::request(const std::string& method, const std::string& path) const {
  net::HttpRequest request;
  request.method = method;
  request.url = settings_.endpoint + path;
  if (!settings_.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + settings_.token);
  }
  request.connect_timeout = std::chrono::seconds(10);
  request.stall_timeout = settings_.stall_timeout;
  request.redirects = kRedirects;
  request.retries = kRetries;
  request.body_limit_bytes = kMostListBytes;
  request.cancelled = cancelled_;
  return request;
}

net::HttpResponse Client::send(const net::HttpRequest& request) {
  if (settings_.offline) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("{} is not asked, since HF_HUB_OFFLINE is set", settings_.endpoint),
        {},
        "hub_unreachable");
  }
  try {
    return http_.send(request);
  } catch (const Error& error) {
    if (!is_connection_failure(error.reason())) {
      throw;
    }
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "{}. Is this machine offline? Connect it, or set HF_ENDPOINT to a mirror that it "
            "reaches, or bring the model by hand: `mlx-hub import FOLDER --name NAME`",
            error.what()),
        {},
        "hub_unreachable");
  }
}

void Client::refuse(const net::HttpResponse& response, const std::string& what) const {
  const std::string code = response.header("x-error-code");
  const std::string page = settings_.endpoint + "/" + repository_;
  const auto fail = [&](ErrorCode kind, const std::string& why, const char* reason) {
    throw Error(kind, fmt::format("cannot {}: {}", what, why), {}, reason);
  };
  if (code == "GatedRepo") {
    fail(
        ErrorCode::kPermissionDenied,
        settings_.token.empty()
            ? fmt::format(
                  "its owners ask for agreement first. Agree at {} and set HF_TOKEN to a token of "
                  "that account",
                  page)
            : fmt::format(
                  "its owners ask for agreement first, and the token's account has not agreed (or "
                  "the token may not read gated repositories). Agree at {}",
                  page),
        "repository_gated");
  }
  if (code == "RevisionNotFound") {
    fail(ErrorCode::kNotFound, "there is no such revision", "revision_not_found");
  }
  if (code == "EntryNotFound") {
    fail(ErrorCode::kNotFound, "there is no such file", "file_not_found");
  }
  if (response.status == 404) {
    fail(
        ErrorCode::kNotFound,
        fmt::format("{} has no repository {}", settings_.endpoint, repository_),
        "repository_not_found");
  }
  if (response.status == 401 && settings_.token.empty()) {
    fail(
        ErrorCode::kPermissionDenied,
        fmt::format(
            "{} is private or does not exist. If it is private, set HF_TOKEN to a token that may "
            "read it",
            repository_),
        "hub_token_required");
  }
  if (response.status == 401) {
    fail(
        ErrorCode::kPermissionDenied,
        fmt::format(
            "the token was refused, or {} does not exist. Check HF_TOKEN (or the token that `hf "
            "auth login` stored)",
            repository_),
        "hub_token_refused");
  }
  if (response.status == 403) {
    fail(
        ErrorCode::kPermissionDenied,
        fmt::format("this account may not do that with {}", repository_),
        "hub_forbidden");
  }
  if (response.status == 429) {
    const auto wait = net::retry_after(response);
    fail(
        ErrorCode::kRateLimited,
        fmt::format(
            "{} answers that it gets too many requests; try again in {} s{}",
            settings_.endpoint,
            wait ? std::chrono::ceil<std::chrono::seconds>(*wait).count() : 60,
            settings_.token.empty() ? ", or set HF_TOKEN for a higher limit" : ""),
        "hub_rate_limited");
  }
  fail(
      ErrorCode::kUnavailable,
      fmt::format(
          "{} answered {}: {}", settings_.endpoint, response.status, response.body.substr(0, 200)),
      "hub_unavailable");
  std::abort();  // fail() throws
}

Snapshot Client::snapshot(const std::string& revision) {
  check_revision(revision, "revision");
  const std::string what = fmt::format("get {} at revision '{}'", repository_, revision);
  const net::HttpResponse response = send(request(
      "GET",
      fmt::format(
          "/api/models/{}/revision/{}?blobs=true", repository_, base::percent_encode(revision))));
  if (response.status >= 300) {
    refuse(response, what);
  }
  const Json json = base::parse_json(response.body, "the Hub's answer");
  const base::JsonReader reader(json);
  Snapshot snapshot;
  snapshot.repository = repository_;
  snapshot.revision = revision;
  snapshot.commit = reader.string("sha");
  check_revision(snapshot.commit, "sha");  // it becomes a part of paths
  const auto gated = json.find("gated");
  snapshot.gated = gated != json.end() && !(gated->is_boolean() && !gated->get<bool>());
  const Json* siblings = reader.optional_array("siblings");
  for (const Json& sibling : siblings == nullptr ? Json::array() : *siblings) {
    const std::string name = base::JsonReader(sibling, "siblings").string("rfilename");
    if (is_description(name) || is_weights(name)) {
      snapshot.files.push_back(listed(sibling, name));
    }
  }
  return snapshot;
}

RemoteFile Client::resolve(const std::string& commit, const std::string& name) {
  net::HttpRequest head = file_request(commit, name, 0);
  head.method = "HEAD";
  head.redirects = 0;  // the Hub's own answer has the headers; the LFS host's has not
  const net::HttpResponse response = send(head);
  if (response.status >= 400) {
    refuse(response, fmt::format("get {} of {}", name, repository_));
  }
  const bool redirected = response.status >= 300;
  RemoteFile file{.name = name, .size = -1, .sha256 = {}, .git_oid = {}};
  const std::string linked = response.header("x-linked-size");
  file.size =
      number(linked.empty() && !redirected ? response.header("content-length") : linked, -1);
  const std::string etag = response.header("x-linked-etag");
  set_content_name(file, plain_etag(etag.empty() ? response.header("etag") : etag));
  if (file.size < 0 || file.content_name().empty()) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} does not say size and checksum of {} in {}: it cannot be downloaded safely",
            settings_.endpoint,
            name,
            repository_),
        {},
        "hub_answer_incomplete");
  }
  return file;
}

std::string Client::read(
    const std::string& commit, const std::string& name, std::int64_t begin, std::int64_t count) {
  net::HttpRequest get = file_request(commit, name, 0);
  get.headers.emplace_back("Range", fmt::format("bytes={}-{}", begin, begin + count - 1));
  get.body_limit_bytes = static_cast<std::size_t>(count);
  const net::HttpResponse response = send(get);
  if (response.status == 416) {
    return {};  // nothing so far behind
  }
  if (response.status >= 300) {
    refuse(response, fmt::format("get {} of {}", name, repository_));
  }
  if (response.status != 206 && begin > 0) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{} does not serve parts of files", settings_.endpoint),
        {},
        "hub_answer_incomplete");
  }
  return response.body;
}

net::HttpRequest Client::file_request(
    const std::string& commit, const std::string& name, std::int64_t begin) const {
  net::HttpRequest get = request(
      "GET",
      fmt::format(
          "/{}/resolve/{}/{}",
          repository_,
          base::percent_encode(commit),
          base::percent_encode(name, "/")));
  if (begin > 0) {
    get.headers.emplace_back("Range", fmt::format("bytes={}-", begin));
  }
  return get;
}

}  // namespace hub::hf
