#pragma once

#include <span>

#include "api/openai/chat_request.h"
#include "api/openai/field_names.h"
#include "core/base/json.h"

namespace hub::api {

// The body of Anthropic's POST /v1/messages as the conversation that the chat route would be sent:
// https://docs.anthropic.com/en/api/messages. Fields that it does not know are ignored. Throws
// kInvalidArgument naming the field's path as the client sent it (`unsupported_parameter` for what
// would change the answer and is not supported: images, documents, server tools, an assistant's
// message at the end).
ChatRequest messages_request(const base::Json& body);

// The same for POST /v1/messages/count_tokens, which needs no max_tokens.
ChatRequest count_tokens_request(const base::Json& body);

// What fields of that conversation are called there, for errors about them.
std::span<const FieldName> messages_field_names();

}  // namespace hub::api
