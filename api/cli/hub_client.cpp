#include "api/cli/hub_client.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/config.h"

namespace hub::api {
namespace {

using base::Json;

base::ErrorCode code_of(int status) {
  using base::ErrorCode;
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
      return ErrorCode::kTooLarge;
    case 415:
      return ErrorCode::kUnsupportedMedia;
    case 422:
      return ErrorCode::kUnprocessable;
    case 429:
      return ErrorCode::kRateLimited;
    case 501:
      return ErrorCode::kNotImplemented;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kInternal;
  }
}

// Adds what to do about it.
[[noreturn]] void explain(const base::Error& error) {
  if (error.code() == base::ErrorCode::kUnavailable && error.reason() == "connection_refused") {
    throw base::Error(
        error.code(),
        fmt::format("{}; is `mlx-hub serve` running?", error.what()),
        {},
        error.reason());
  }
  if (error.code() == base::ErrorCode::kUnauthenticated) {
    throw base::Error(
        error.code(),
        fmt::format("{} (the command line sends MLX_HUB_API_KEY)", error.what()),
        {},
        error.reason());
  }
  throw error;
}

std::string with_query(std::string path, std::string_view query) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += query;
  return path;
}

net::HttpRequest with_body(net::HttpRequest request, const Json& body) {
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return request;
}

void set_request_id(net::HttpRequest& request, const std::string& id) {
  if (!id.empty()) {
    request.headers.emplace_back("X-Request-Id", id);
  }
}

}  // namespace

bool is_own_machine(std::string_view url) {
  const std::size_t begin = url.find("://");
  std::string_view host = begin == std::string_view::npos ? url : url.substr(begin + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const std::size_t user = host.rfind('@'); user != std::string_view::npos) {
    host.remove_prefix(user + 1);
  }
  host =
      host.starts_with('[') ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':'));
  return hub::is_loopback(std::string(host));
}

void throw_refusal(int status, std::string_view body) {
  const Json answer = Json::parse(body, nullptr, false);
  const auto text = [](const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) {
    const Json& error = answer["error"];
    throw base::Error(
        code_of(status), text(error, "message"), text(error, "param"), text(error, "code"));
  }
  throw base::Error(
      code_of(status), fmt::format("the server answered {}: {}", status, body.substr(0, 500)));
}

HubClient::HubClient(std::string url, std::string key)
    : url_(std::move(url)), key_(std::move(key)) {}

net::HttpRequest HubClient::request(const std::string& method, const std::string& path) const {
  net::HttpRequest request;
  request.method = method;
  request.url = url_ + path;
  if (!key_.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + key_);
  }
  request.timeout = std::chrono::minutes(10);
  request.cancelled = cancelled_;
  request.verify_tls = !is_own_machine(url_);
  return request;
}

Json HubClient::call(const net::HttpRequest& request) {
  try {
    const net::HttpResponse response = http_.send(request);
    if (response.status >= 400) {
      throw_refusal(response.status, response.body);
    }
    return response.body.empty() ? Json::object() : base::parse_json(response.body, "answer");
  } catch (const base::Error& error) {
    explain(error);
  }
}

Json HubClient::get(const std::string& path) {
  return call(request("GET", path));
}

Json HubClient::post(const std::string& path, const Json& body) {
  return call(with_body(request("POST", path), body));
}

Json HubClient::post_slowly(
    const std::string& path, const Json& body, const std::string& request_id) {
  net::HttpRequest post = with_body(request("POST", path), body);
  post.timeout = std::chrono::milliseconds(0);
  set_request_id(post, request_id);
  return call(post);
}

void HubClient::remove(const std::string& path) {
  static_cast<void>(call(request("DELETE", path)));
}

Json HubClient::upload(
    const std::string& path,
    const std::string& name,
    const std::filesystem::path& file,
    const std::string& request_id) {
  net::HttpRequest post = request("POST", path);
  post.timeout = std::chrono::milliseconds(0);
  set_request_id(post, request_id);
  post.stall_timeout = std::chrono::minutes(10);
  post.form = {
      {.name = "name", .value = name, .file = {}}, {.name = "file", .value = {}, .file = file}};
  return call(post);
}

void HubClient::download(
    const std::string& path, const std::function<void(std::string_view)>& take) {
  net::HttpRequest get = request("GET", path);
  get.timeout = std::chrono::milliseconds(0);
  get.stall_timeout = std::chrono::minutes(10);
  try {
    const net::HttpResponse response = http_.stream(get, [&take](std::string_view bytes) {
      take(bytes);
      return true;
    });
    if (response.status >= 400) {
      throw_refusal(response.status, response.body);
    }
  } catch (const base::Error& error) {
    explain(error);
  }
}

Json HubClient::list(const std::string& path, std::optional<std::size_t> limit) {
  Json all = Json::array();
  std::string cursor;
  while (true) {
    std::string page_path = path;
    if (limit) {
      page_path = with_query(page_path, fmt::format("limit={}", *limit - all.size()));
    }
    if (!cursor.empty()) {
      page_path = with_query(page_path, fmt::format("cursor={}", percent_encode(cursor)));
    }
    const Json page = get(page_path);
    for (const Json& row : base::JsonReader(page).value("data")) {
      all.push_back(row);
    }
    cursor = base::JsonReader(page).optional_string("next_cursor").value_or("");
    if (cursor.empty() || (limit && all.size() >= *limit)) {
      return {{"data", std::move(all)}};
    }
  }
}

bool HubClient::succeeds(const std::string& path) {
  try {
    net::HttpRequest probe = request("GET", path);
    probe.timeout = std::chrono::seconds(5);
    return http_.send(probe).status < 400;
  } catch (const base::Error&) {
    return false;
  }
}

void HubClient::events(
    const std::string& path,
    const Json& body,
    net::SseReader& reader,
    const std::function<bool(const net::SseReader::Event&)>& on_event) {
  net::HttpRequest stream = request(body.is_null() ? "GET" : "POST", path);
  stream.timeout = std::chrono::milliseconds(0);
  stream.headers.emplace_back("Accept", "text/event-stream");
  if (!reader.last_id().empty()) {
    stream.headers.emplace_back("Last-Event-ID", reader.last_id());
  }
  if (!body.is_null()) {
    stream.headers.emplace_back("Content-Type", "application/json");
    stream.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  reader.reconnect();
  try {
    const net::HttpResponse response = http_.stream(
        stream,
        [&reader, &on_event](std::string_view bytes) { return reader.feed(bytes, on_event); });
    if (response.status >= 400) {
      throw_refusal(response.status, response.body);
    }
  } catch (const base::Error& error) {
    explain(error);
  }
}

}  // namespace hub::api
