#include "api/server/admission.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "api/server/http_error.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

constexpr std::string_view kAllMethods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

bool is_json(std::string_view media) {
  return media == "application/json" || media.ends_with("+json");
}

// Header names as a browser lists them; anything else is not echoed.
bool is_name_list(std::string_view text) {
  return !text.empty() && text.size() <= 2000 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ',' || c == ' ';
  });
}

// Also the answer to a browser that asks before a cross-origin request (CORS preflight): an origin
// that is allowed was put into answer_headers, and may send what it asks for.
Response options_answer(const Request& request, std::string_view allow) {
  Response response;
  response.status = 204;
  response.headers["Allow"] = allow;
  const bool preflight = !request.header("Access-Control-Request-Method").empty();
  if (preflight && request.answer_headers.contains("Access-Control-Allow-Origin")) {
    response.headers["Access-Control-Allow-Methods"] = allow;
    response.headers["Access-Control-Max-Age"] = "600";
    const std::string names = request.header("Access-Control-Request-Headers");
    if (is_name_list(names)) {
      response.headers["Access-Control-Allow-Headers"] = names;
    }
    if (request.header("Access-Control-Request-Private-Network") == "true") {
      response.headers["Access-Control-Allow-Private-Network"] = "true";
    }
  }
  return response;
}

Response method_refusal(const Request& request, const std::string& allow) {
  Response response = error_response(
      405,
      fmt::format("{} does not take {}, only {}", request.path, request.method, allow),
      "method_not_allowed");
  response.headers["Allow"] = allow;
  return response;
}

// What is wrong with the head, whatever the route.
std::optional<Response> check_head(const Request& request, const HeadFacts& facts) {
  if (facts.host_count > 1 || (facts.host_count == 0 && !facts.http_1_0)) {
    return error_response(400, "exactly one Host header is required", "bad_request");
  }
  const std::string encoding = lower(request.header("Transfer-Encoding"));
  if (!encoding.empty() && encoding != "chunked") {
    return error_response(
        501,
        fmt::format("Transfer-Encoding '{}' is not understood, only 'chunked'", encoding),
        "not_implemented");
  }
  const std::string expect = lower(request.header("Expect"));
  if (!expect.empty() && expect != "100-continue") {
    return error_response(
        417, fmt::format("Expect '{}' is not understood, only '100-continue'", expect));
  }
  return std::nullopt;
}

Response too_large(std::uint64_t limit) {
  return error_response(
      413, fmt::format("the body is larger than {} bytes", limit), "body_too_large");
}

void plan_body(
    const Request& request,
    const HeadFacts& facts,
    const Server::Options& options,
    Admission& admission) {
  const bool upload = admission.route->upload;
  const bool announced = facts.chunked || facts.content_length.has_value();
  if (!announced) {
    if (upload || (facts.http_1_0 && request.method == "POST")) {
      admission.answer = error_response(
          411, "the body's size must be announced by Content-Length", "length_required");
    }
    return;
  }
  if (facts.content_length == 0U) {
    return;
  }
  const std::string encoding = lower(request.header("Content-Encoding"));
  if (!encoding.empty() && encoding != "identity") {
    admission.answer = error_response(
        415,
        fmt::format("Content-Encoding '{}' is not taken: send the body as it is", encoding),
        "unsupported_encoding");
    return;
  }
  const std::string media = media_type(request.header("Content-Type"));
  // curl's -d says application/x-www-form-urlencoded unless told otherwise: taken as JSON.
  const bool as_json =
      media.empty() || is_json(media) || media == "application/x-www-form-urlencoded";
  if (!upload && !as_json) {
    admission.answer = error_response(
        415,
        fmt::format("Content-Type '{}' is not taken here: send application/json", media),
        "unsupported_media_type");
    return;
  }
  admission.body = upload && !is_json(media) ? BodyPlan::kUpload : BodyPlan::kMemory;
  if (admission.body == BodyPlan::kUpload && options.upload_folder.empty()) {
    admission.answer = error_response(501, "this server takes no uploads", "not_implemented");
    return;
  }
  const std::uint64_t limit =
      admission.body == BodyPlan::kUpload ? options.upload_limit_bytes : options.body_limit_bytes;
  if (facts.content_length.value_or(0) > limit) {
    admission.answer = too_large(limit);
  }
}

Admission admit_checked(
    Request& request,
    const HeadFacts& facts,
    const Router& router,
    const Server::Options& options) {
  Admission admission;
  if (request.target.size() > options.target_limit_bytes) {
    admission.answer = error_response(
        414,
        fmt::format("the URL is longer than {} bytes", options.target_limit_bytes),
        "url_too_long");
    return admission;
  }
  const auto target = parse_target(request.target);
  if (!target) {
    admission.answer = error_response(400, "the request's target is no path", "bad_request");
    return admission;
  }
  if (!target->authority.empty()) {
    request.headers["Host"] = target->authority;  // RFC 9112, section 3.2.2
  }
  request.path = percent_decode(target->path);
  admission.answer = check_head(request, facts);
  if (admission.answer) {
    return admission;
  }
  request.query = parse_query(target->query);
  if (options.admit) {
    options.admit(request);
  }
  if (target->path == "*") {
    admission.answer = request.method == "OPTIONS" ? options_answer(request, kAllMethods)
                                                   : error_response(400, "'*' is only for OPTIONS");
    return admission;
  }
  Router::Match match = router.match(request.method, target->path);
  if (match.route == nullptr) {
    admission.answer =
        match.allow.empty()
            ? error_response(404, fmt::format("no route {}", request.path), "not_found")
        : request.method == "OPTIONS" ? options_answer(request, match.allow)
                                      : method_refusal(request, match.allow);
    return admission;
  }
  admission.route = match.route;
  request.route = match.route->pattern;
  request.params = std::move(match.params);
  if (options.authorize) {
    options.authorize(request, *match.route);
  }
  if (!match.route->not_supported.empty()) {
    throw base::Error(
        base::ErrorCode::kNotImplemented,
        fmt::format(
            "{} {} is not supported: {}", request.method, request.path, match.route->not_supported),
        {},
        "not_supported");
  }
  plan_body(request, facts, options, admission);
  return admission;
}

}  // namespace

Admission admit_request(
    Request& request,
    const HeadFacts& facts,
    const Router& router,
    const Server::Options& options) {
  Admission refused;
  try {
    return admit_checked(request, facts, router, options);
  } catch (const base::Error& error) {
    refused.answer = error_response(error);
  } catch (const std::exception& error) {
    obs::log::error(
        "request_failed", {{"request_id", request.request_id}, {"error", error.what()}});
    refused.answer = error_response(500, "internal error", "internal_error");
  }
  return refused;
}

std::string choose_request_id(const Request& request) {
  std::string id = request.header("X-Request-Id");
  const bool sane =
      !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' ||
               letter == ':' || letter == '-';
      });
  return sane ? id : base::new_id();
}

std::string media_type(std::string_view content_type) {
  std::string media = lower(content_type.substr(0, content_type.find(';')));
  while (!media.empty() && (media.back() == ' ' || media.back() == '\t')) {
    media.pop_back();
  }
  return media;
}

}  // namespace hub::api
