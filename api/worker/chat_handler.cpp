#include "api/worker/chat_handler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/chat_response.h"
#include "api/worker/prompt_room.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/chat/chat_prompt.h"
#include "core/chat/tool_grammar.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;

struct Prompt {
  std::vector<int> tokens;
  chat::ChatPrompt rendered;
};

chat::ChatPrompt rendered_prompt(
    const ServedModel& model, const ChatRequest& chat, std::size_t dropped) {
  if (model.chat_template == nullptr) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "model \"{}\" has no chat template; /v1/completions takes plain text", model.name),
        "messages",
        "no_chat_template");
  }
  const base::Json messages = chat.template_messages(dropped);
  return chat::make_prompt(
      *model.chat_template,
      model.style,
      {.messages = messages,
       .tools = chat.tools,
       .choice = chat.tool_choice,
       .template_kwargs = chat.template_kwargs.get(),
       .answer_grammar = chat.options.grammar,
       .parse_reasoning = chat.parse_reasoning});
}

Prompt prompt_of(const ServedModel& model, const ChatRequest& chat, std::size_t dropped = 0) {
  Prompt prompt;
  prompt.rendered = rendered_prompt(model, chat, dropped);
  // The template writes the special tokens itself.
  prompt.tokens = model.tokenizer->encode(prompt.rendered.text);
  return prompt;
}

// The prompt with as many of the newest messages as leave room for an answer; with the fewest where
// even those are too long.
Prompt truncated_prompt_of(const ServedModel& model, const ChatRequest& chat) {
  const auto room = static_cast<std::size_t>(prompt_room(model, chat.options));
  const std::vector<std::size_t> counts = chat.droppable();
  // Fewer messages never make a longer prompt.
  const auto found = std::partition_point(counts.begin(), counts.end() - 1, [&](std::size_t count) {
    return prompt_of(model, chat, count).tokens.size() > room;
  });
  return prompt_of(model, chat, *found);
}

// Finds out what a grammar of tools cannot be made of: the schema that is to blame by itself.
void compile_calls(
    const ServedModel& model, const ChatRequest& chat, const text::GrammarSpec& grammar) {
  try {
    static_cast<void>(model.grammars->compile(grammar));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) {
      throw;
    }
    for (std::size_t i = 0; i < chat.tools.size(); ++i) {
      try {
        static_cast<void>(model.grammars->compile(chat::arguments_grammar(chat.tools[i])));
      } catch (const Error& schema_error) {
        const std::string path = fmt::format("tools[{}].function.parameters", i);
        throw Error(schema_error.code(), fmt::format("'{}': {}", path, schema_error.what()), path);
      }
    }
    throw Error(error.code(), error.what(), "tools");
  }
}

}  // namespace

std::string chat_prompt(const ServedModel& model, const ChatRequest& chat, std::size_t dropped) {
  return rendered_prompt(model, chat, dropped).text;
}

Generation chat_generation(const ServedModel& model, const ChatRequest& chat) {
  Generation generation;
  Prompt prompt =
      chat.options.truncates ? truncated_prompt_of(model, chat) : prompt_of(model, chat);
  if (prompt.rendered.grammar && prompt.rendered.grammar != chat.options.grammar) {
    compile_calls(model, chat, *prompt.rendered.grammar);
  }
  generation.prompts.push_back(std::move(prompt.tokens));
  generation.options = chat.options;
  generation.options.grammar = std::move(prompt.rendered.grammar);
  generation.shape = std::move(prompt.rendered.shape);
  generation.prompt_field = "messages";
  return generation;
}

Response handle_chat(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const ChatRequest chat =
      ChatRequest::from_json(base::parse_json(request.body, "the request body"));
  Generation generation = chat_generation(model, chat);
  generation.arrived = arrived;
  generation.format = std::make_unique<ChatFormat>(
      answer_head(model, request, ChatFormat::kIdPrefix, chat.options));
  return generate(model, request, std::move(generation));
}

}  // namespace hub::api
