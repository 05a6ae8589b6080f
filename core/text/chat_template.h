#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/json.h"

namespace hub::text {

// What a template is rendered with. `messages` and `tools` are OpenAI's shapes; before rendering,
// content parts of type "text" are joined, null or absent content becomes "",
// tool_calls[].function.arguments given as a JSON string is parsed, and reasoning given as
// `reasoning_content`, `thinking` or `reasoning` is there under the first two names (as in
// transformers).
struct TemplateInput {
  const base::Json& messages;
  const base::Json* tools = nullptr;
  bool add_generation_prompt = true;
  const base::Json* extra = nullptr;  // chat_template_kwargs: further variables
};

// The model's own Jinja chat template (tokenizer_config.json `chat_template`, or
// chat_template.jinja, which wins), rendered as transformers does: trim_blocks, lstrip_blocks, loop
// controls, Python's JSON layout, and the special tokens of tokenizer_config.json as variables. A
// model with a template named "tool_use" gets it when there are tools. Immutable; thread-safe.
class ChatTemplate {
 public:
  // nullptr when the folder has no template. Throws kUnprocessable when it does not compile or
  // tokenizer_config.json is not JSON.
  static std::shared_ptr<const ChatTemplate> load(const std::filesystem::path& folder);
  ~ChatTemplate();

  // The prompt text. Throws kInvalidArgument with the template's own complaint (raise_exception,
  // unknown role), or naming the message and field that has the wrong shape.
  [[nodiscard]] std::string render(const TemplateInput& input) const;

  // The template's text, with that for tools behind it where there are two.
  [[nodiscard]] const std::string& source() const { return source_; }
  // SHA-256 of source().
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  struct Compiled;
  ChatTemplate(std::unique_ptr<Compiled> compiled, std::string source);
  std::unique_ptr<Compiled> compiled_;
  std::string source_;
  std::string digest_;
};

}  // namespace hub::text
