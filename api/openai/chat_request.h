#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/generation_options.h"
#include "core/base/json.h"
#include "core/chat/tool.h"

namespace hub::api {

struct ChatMessage {
  std::string role;  // system, user, assistant, tool ("developer" is read as "system")
  std::string content;
  std::optional<std::string> name;
  std::vector<chat::ToolCall> tool_calls{};   // assistant
  std::optional<std::string> tool_call_id{};  // tool
  std::optional<std::string> reasoning{};     // assistant: reasoning_content
};

// The body of POST /v1/chat/completions as a complete, valid value.
struct ChatRequest {
  GenerationOptions options;
  std::vector<ChatMessage> messages;  // not empty
  // chat_template_kwargs, an object, or null. Shared only because Json is incomplete in headers.
  std::shared_ptr<const base::Json> template_kwargs;
  std::vector<chat::Tool> tools{};
  chat::ToolChoice tool_choice{};
  bool parse_reasoning = true;  // reasoning_format: "none" leaves <think> in the text

  // Throws kInvalidArgument naming the field's path, what was wanted and what came.
  static ChatRequest from_json(const base::Json& body);

  // How many messages can be left out, fewest first, so that the rest still is a conversation:
  // never the system's at its beginning, and the first one after those is the user's. Begins with
  // 0.
  [[nodiscard]] std::vector<std::size_t> droppable() const;

  // The messages as text::ChatTemplate takes them, without the `dropped` oldest that are not the
  // system's at the beginning.
  [[nodiscard]] base::Json template_messages(std::size_t dropped = 0) const;

 private:
  [[nodiscard]] std::size_t system_messages() const;
};

}  // namespace hub::api
