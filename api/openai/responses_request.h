#pragma once

#include <memory>
#include <span>
#include <string>

#include "api/openai/chat_request.h"
#include "api/openai/field_names.h"
#include "core/base/json.h"

namespace hub::api {

// The body of POST /v1/responses (https://platform.openai.com/docs/api-reference/responses) as a
// complete, valid value.
struct ResponsesRequest {
  ChatRequest chat;  // what it asks, in the chat route's terms
  bool store = true;
  std::string previous_response_id;  // "": it begins a conversation
  // All input items (input_items()), and the members of the answer that repeat the request. Shared
  // only because Json is incomplete in headers.
  std::shared_ptr<const base::Json> items;
  std::shared_ptr<const base::Json> repeated;

  // Throws kInvalidArgument naming the field's path as the client sent it, what was wanted and what
  // came; reason `unsupported_parameter` for what is not supported and would change the answer:
  // built-in tools, `background`, `conversation`, `prompt`.
  static ResponsesRequest from_json(const base::Json& body);

  // What fields of `chat` are called here, for errors about them.
  static std::span<const FieldName> field_names();
};

}  // namespace hub::api
