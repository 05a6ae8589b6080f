#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/generation_options.h"
#include "core/base/json.h"

namespace hub::api {

struct ChatMessage {
  std::string role;  // system, user, assistant ("developer" is read as "system")
  std::string content;
  std::optional<std::string> name;
};

// The body of POST /v1/chat/completions as a complete, valid value.
struct ChatRequest {
  GenerationOptions options;
  std::vector<ChatMessage> messages;  // not empty
  // chat_template_kwargs, an object, or null. Shared only because Json is incomplete in headers.
  std::shared_ptr<const base::Json> template_kwargs;

  // Throws kInvalidArgument naming the field's path, what was wanted and what came.
  static ChatRequest from_json(const base::Json& body);

  // The messages as text::ChatTemplate takes them.
  [[nodiscard]] base::Json template_messages() const;
};

}  // namespace hub::api
