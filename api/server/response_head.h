#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "api/server/http.h"

namespace hub::api {

std::string_view reason_phrase(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
std::string http_date(std::time_t time);
std::optional<std::time_t> parse_http_date(std::string_view text);

struct ResponseFraming {
  std::optional<std::uint64_t> content_length;  // absent: chunked, or until close
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false;
};

// The bytes from the status line to the empty line. Connection, Content-Length, Transfer-Encoding
// and Date are the framing's, not the handler's; line breaks and other control characters in
// values become spaces, so that no value can start a header of its own.
std::string response_head(
    int status,
    const Headers& headers,
    const ResponseFraming& framing,
    std::string_view request_id);

}  // namespace hub::api
