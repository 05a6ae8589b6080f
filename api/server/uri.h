#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/encoding.h"

namespace hub::api {

// Percent-decoding (RFC 3986). Throws base::Error kInvalidArgument for "%" without two hexadecimal
// digits and for a NUL byte. `plus_is_space` is the rule of forms and queries.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

using base::percent_encode;  // for one path segment or query value

// "a=1&b=two" → its pairs, decoded; the last of repeated keys. Throws as percent_decode.
std::map<std::string, std::string> parse_query(std::string_view text);

// A request target in its parts; borrowed from the text.
struct Target {
  std::string_view authority;  // of an absolute target ("http://host:1/path"), else ""
  std::string_view path;       // still encoded, starts with "/"; "*" for OPTIONS *
  std::string_view query;      // without "?"
};
// nullopt when it is neither.
std::optional<Target> parse_target(std::string_view target);

// "/a//b/" → {"a", "", "b"}: split at slashes, without the first and one at the end; not decoded.
std::vector<std::string_view> path_segments(std::string_view raw_path);

}  // namespace hub::api
