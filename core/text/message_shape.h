#pragma once

#include <string_view>

#include "core/base/json.h"

namespace hub::text {

// OpenAI's `messages` in the shape that chat templates expect (see TemplateInput). Throws
// kInvalidArgument naming the field ("messages[2].content[0]") when something is no message: not an
// object, no role, a content part that is not text, nested deeper than kMaxDepth.
base::Json messages_for_template(const base::Json& messages);

// What a template is given may be nested this deep: the parser on the Rust side refuses 128 levels,
// and writing JSON recurses.
inline constexpr int kMaxDepth = 100;

// Throws kInvalidArgument naming `field` when `value` is nested deeper than `levels`.
void refuse_deeper_than(const base::Json& value, int levels, std::string_view field);

}  // namespace hub::text
