#pragma once

#include "core/base/json_reader.h"

namespace hub::api {

// The field "messages" of Ollama's POST /api/chat in OpenAI's form: calls get ids and their
// arguments are written as text, and a tool's answer belongs to the earliest call of its name that
// has none. Throws kInvalidArgument with the field's path (`unsupported_parameter` for images).
base::Json ollama_messages(const base::JsonReader& body);

}  // namespace hub::api
