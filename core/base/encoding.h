#pragma once

#include <string>
#include <string_view>

namespace hub::base {

// RFC 4648 section 4, padded, on one line.
std::string base64(std::string_view bytes);

// Percent-encodes everything that may not stand in one segment of a URL's path (RFC 3986's
// unreserved characters), except the characters of `kept`.
std::string percent_encode(std::string_view text, std::string_view kept = "");

}  // namespace hub::base
