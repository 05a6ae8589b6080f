#include "core/chat/chat_prompt.h"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/chat/json_scanner.h"
#include "core/chat/tool_grammar.h"
#include "core/chat/tool_prompt.h"

namespace hub::chat {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

std::vector<Tool> callable(const Conversation& asked) {
  std::vector<Tool> tools;
  std::ranges::copy_if(asked.tools, std::back_inserter(tools), [&](const Tool& tool) {
    return may_call(asked.choice, tool.name);
  });
  return tools;
}

// Which tools the model is told of. A required choice changes what it may answer, not the prompt,
// whose beginning may be cached.
std::vector<Tool> shown(const Conversation& asked) {
  if (asked.choice.kind == ToolChoice::Kind::kRequired) {
    return asked.tools;
  }
  return callable(asked);
}

std::string rendered(
    const text::ChatTemplate& chat_template, const ChatStyle& style, const Conversation& asked) {
  const std::vector<Tool> tools = shown(asked);
  if (style.knows_tools) {
    const Json list = tools.empty() ? Json(nullptr) : tools_for_template(tools);
    return chat_template.render(
        {.messages = asked.messages, .tools = &list, .extra = asked.template_kwargs});
  }
  const std::string instructions =
      tools.empty() ? std::string()
                    : tool_instructions(tools, asked.choice.kind == ToolChoice::Kind::kRequired);
  const bool has_system = asked.messages.front()["role"] == "system";
  const auto render = [&](const Json& messages) {
    return chat_template.render({.messages = messages, .extra = asked.template_kwargs});
  };
  try {
    return render(messages_without_tools(asked.messages, instructions));
  } catch (const Error&) {
    if (instructions.empty() || has_system) {
      throw;
    }
  }
  return render(messages_without_system(asked.messages, instructions));
}

// White space behind the mark is layout.
bool ends_with_mark(std::string_view prompt, std::string_view mark) {
  while (!prompt.empty() && is_space(prompt.back())) {
    prompt.remove_suffix(1);
  }
  return prompt.ends_with(mark);
}

bool opens_think(std::string_view prompt) {
  return ends_with_mark(prompt, "<think>");
}

bool closes_think(std::string_view prompt) {
  return ends_with_mark(prompt, "</think>");
}

Lead lead_of(const ChatStyle& style, std::string_view prompt) {
  if (opens_think(prompt)) {
    return Lead::kThinking;
  }
  return style.thinks && style.form != CallForm::kHarmony && !closes_think(prompt) ? Lead::kMayThink
                                                                                   : Lead::kNothing;
}

std::optional<CallGrammar> call_grammar(
    const ChatStyle& style,
    const Conversation& asked,
    const std::vector<Tool>& tools,
    std::string_view prompt) {
  const Lead lead = lead_of(style, prompt);
  const bool parallel = asked.choice.parallel;
  if (asked.choice.kind == ToolChoice::Kind::kRequired) {
    return required_calls(style.form, tools, parallel, lead);
  }
  if (asked.answer_grammar) {
    auto both = calls_or_json(style.form, tools, parallel, lead, *asked.answer_grammar);
    if (!both) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "'tools' and an answer's format exclude each other for this model: its calls cannot be "
          "told from such an answer. Leave one of them out, or choose whether it calls "
          "('tool_choice', where the route has it)",
          "response_format");
    }
    return both;
  }
  if (std::ranges::any_of(tools, &Tool::strict)) {
    return possible_calls(style.form, tools, parallel, lead);
  }
  return std::nullopt;
}

}  // namespace

ChatPrompt make_prompt(
    const text::ChatTemplate& chat_template, const ChatStyle& style, const Conversation& asked) {
  ChatPrompt prompt;
  prompt.text = rendered(chat_template, style, asked);
  prompt.shape = {
      // Channels are how such a model speaks, whatever it knows of tools.
      .form =
          style.knows_tools || style.form == CallForm::kHarmony ? style.form : CallForm::kGeneric,
      .tools = callable(asked),
      .parallel = asked.choice.parallel,
      .thinks = asked.parse_reasoning && (style.thinks || opens_think(prompt.text)),
      .prompt_opens_think = opens_think(prompt.text)};
  prompt.grammar = asked.answer_grammar;
  if (prompt.shape.tools.empty()) {
    return prompt;
  }
  const ChatStyle used{
      .form = prompt.shape.form, .knows_tools = style.knows_tools, .thinks = style.thinks};
  if (auto grammar = call_grammar(used, asked, prompt.shape.tools, prompt.text)) {
    prompt.shape.form = grammar->form;
    prompt.text += grammar->prompt_end;
    prompt.shape.opened = grammar->shows_end ? std::move(grammar->prompt_end) : std::string();
    prompt.grammar = std::move(grammar->spec);
  }
  return prompt;
}

}  // namespace hub::chat
