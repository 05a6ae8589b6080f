// Chat templates of strangers, and messages for them: the template, the messages, tools, further
// variables, tokenizer_config.json. Parts in that order.
#include <optional>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/text/chat_template.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

namespace hub::fuzz {
namespace {

std::optional<base::Json> json_of(std::string_view text) {
  std::optional<base::Json> json;
  if (!text.empty()) {
    accepts([&] { json = base::parse_json(text, "the part"); });
  }
  return json;
}

const base::Json* pointer(const std::optional<base::Json>& json) {
  return json ? &*json : nullptr;
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const ScratchFolder& folder = ScratchFolder::emptied();
  folder.put("chat_template.jinja", parts.next());
  const auto messages = json_of(parts.next());
  const auto tools = json_of(parts.next());
  const auto extra = json_of(parts.next());
  if (const std::string_view config = parts.next(); !config.empty()) {
    folder.put("tokenizer_config.json", config);
  }
  accepts([&] {
    const auto chat_template = text::ChatTemplate::load(folder.path());
    require(chat_template != nullptr, "a folder with a template has one");
    if (messages) {
      const std::string prompt = chat_template->render(
          {.messages = *messages, .tools = pointer(tools), .extra = pointer(extra)});
      require(base::Json(prompt).dump().size() >= prompt.size(), "what a template writes is UTF-8");
    }
  });
}

}  // namespace hub::fuzz
