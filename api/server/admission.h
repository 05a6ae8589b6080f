#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/server/http.h"
#include "api/server/router.h"
#include "api/server/server.h"

namespace hub::api {

// What the HTTP parser knows of a request's head beyond Request's own fields.
struct HeadFacts {
  bool http_1_0 = false;
  bool chunked = false;  // "chunked" is the last transfer coding
  std::optional<std::uint64_t> content_length;
  std::size_t host_count = 0;
};

enum class BodyPlan : std::uint8_t { kNone, kMemory, kUpload };

struct Admission {
  const Route* route = nullptr;
  BodyPlan body = BodyPlan::kNone;
  std::optional<Response> answer;  // set: no handler runs, the body is not read
};

// Decides from the head alone what happens with a request whose method, target, headers and
// request_id are set; fills in path, query, route and params. Never throws.
Admission admit_request(
    Request& request, const HeadFacts& facts, const Router& router, const Server::Options& options);

// The X-Request-Id that came, when it is 1–128 of [A-Za-z0-9._:-]; else a new id.
std::string choose_request_id(const Request& request);

// "Application/JSON; charset=utf-8" → "application/json".
std::string media_type(std::string_view content_type);

}  // namespace hub::api
