#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/json.h"

namespace hub::text {

// What a template is rendered with. `messages` and `tools` are OpenAI's shapes; before rendering,
// content parts of type "text" are joined, null content becomes "" and
// tool_calls[].function.arguments given as a JSON string is parsed.
struct TemplateInput {
  const base::Json& messages;
  const base::Json* tools = nullptr;
  bool add_generation_prompt = true;
  const base::Json* extra = nullptr;  // chat_template_kwargs: further variables
};

// The model's own Jinja chat template (tokenizer_config.json `chat_template`, or
// chat_template.jinja). Immutable; thread-safe.
class ChatTemplate {
 public:
  // nullptr when the folder has no template. Throws kUnprocessable when it does not compile.
  static std::shared_ptr<const ChatTemplate> load(const std::filesystem::path& folder);
  ~ChatTemplate();

  // The prompt text. Throws kInvalidArgument with the template's own complaint (raise_exception,
  // unknown role).
  [[nodiscard]] std::string render(const TemplateInput& input) const;

  // SHA-256 of the template's text.
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  ChatTemplate(void* handle, std::string digest);
  void* handle_;
  std::string digest_;
};

}  // namespace hub::text
