#pragma once

#include <string>

#include "core/base/json_reader.h"

namespace hub::api {

// The field "system" of a request, a text or an array of text blocks, as one text with a line for
// each block; "" without one. A block that is Claude Code's bill, not an instruction, is left out:
// it differs in every request, and no cached prefix would ever fit.
std::string read_system(const base::JsonReader& body, const std::string& model);

// Appends what one of Anthropic's messages is in OpenAI's form: tool_result blocks become messages
// of role "tool", and stand before the rest, thinking becomes "reasoning_content", tool_use blocks
// "tool_calls". `model`: whom a refusal of images and documents names. Throws kInvalidArgument with
// the field's path.
void append_message(
    const base::JsonReader& message, const std::string& model, base::Json& messages);

}  // namespace hub::api
