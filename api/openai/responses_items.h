#pragma once

#include <string>

#include "core/base/json.h"
#include "core/base/json_reader.h"

namespace hub::api {

// The field "input" of POST /v1/responses as the items of its conversation, complete and valid:
// each has "type" and "id", a message's content is an array of text parts. A text is a message of
// the user's. Types: message, function_call, function_call_output, reasoning. Throws
// kInvalidArgument with the field's path (`unsupported_parameter` for items that would change the
// answer and are not supported: calls of built-in tools, references; `unsupported_content` for
// images and files).
base::Json input_items(const base::JsonReader& body);

// Such items as the messages of POST /v1/chat/completions. What the assistant thought, said and
// called one after another is one message. `instructions`: the system's message at their beginning;
// "": none.
base::Json chat_messages(const base::Json& items, const std::string& instructions);

}  // namespace hub::api
