#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/chat/answer_parser.h"
#include "core/chat/chat_style.h"
#include "core/chat/tool.h"
#include "core/text/chat_template.h"
#include "core/text/grammar.h"

namespace hub::chat {

// A conversation, whatever route it came by.
struct Conversation {
  // As text::TemplateInput's; assistant messages may have "tool_calls" of OpenAI's shape, and there
  // may be messages of role "tool" with "tool_call_id".
  const base::Json& messages;
  const std::vector<Tool>& tools;
  const ToolChoice& choice;
  const base::Json* template_kwargs = nullptr;
  std::optional<text::GrammarSpec> answer_grammar = std::nullopt;  // response_format and the like
  bool parse_reasoning = true;  // false: <think> stays in the text
};

// What a model is given, and how its answer is to be read.
struct ChatPrompt {
  std::string text;
  AnswerShape shape;                         // for an AnswerParser
  std::optional<text::GrammarSpec> grammar;  // what the answer must look like
};

// Throws what ChatTemplate::render() throws, and kInvalidArgument where an answer grammar and tools
// exclude each other.
ChatPrompt make_prompt(
    const text::ChatTemplate& chat_template, const ChatStyle& style, const Conversation& asked);

}  // namespace hub::chat
