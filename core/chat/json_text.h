#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"

namespace hub::chat {

// JSON text in one line; what is no UTF-8 becomes U+FFFD.
std::string json_text(const base::Json& value);

// A JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace hub::chat
