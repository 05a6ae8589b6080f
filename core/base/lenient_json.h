#pragma once

#include <optional>
#include <string_view>

#include "core/base/json.h"

namespace hub::base {

// parse_json() (json_reader.h) for a text that need not be JSON: nullopt where that throws. Never
// call Json::parse() on what a stranger wrote: what comes of it may be nested so deep that copying
// it overflows the stack.
std::optional<Json> parse_json_if_valid(std::string_view text);

}  // namespace hub::base
