#include "api/worker/chat_handler.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/chat_response.h"
#include "api/worker/prompt_room.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

std::string chat_prompt(const ServedModel& model, const ChatRequest& chat, std::size_t dropped) {
  if (model.chat_template == nullptr) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "model \"{}\" has no chat template; /v1/completions takes plain text", model.name),
        "messages",
        "no_chat_template");
  }
  const base::Json messages = chat.template_messages(dropped);
  return model.chat_template->render({.messages = messages, .extra = chat.template_kwargs.get()});
}

namespace {

std::vector<int> prompt_of(
    const ServedModel& model, const ChatRequest& chat, std::size_t dropped = 0) {
  // The template writes the special tokens itself.
  return model.tokenizer->encode(chat_prompt(model, chat, dropped));
}

// The prompt with as many of the newest messages as leave room for an answer; with the fewest where
// even those are too long.
std::vector<int> truncated_prompt_of(const ServedModel& model, const ChatRequest& chat) {
  const auto room = static_cast<std::size_t>(prompt_room(model, chat.options));
  const std::vector<std::size_t> counts = chat.droppable();
  // Fewer messages never make a longer prompt.
  const auto found = std::partition_point(counts.begin(), counts.end() - 1, [&](std::size_t count) {
    return prompt_of(model, chat, count).size() > room;
  });
  return prompt_of(model, chat, *found);
}

}  // namespace

Generation chat_generation(const ServedModel& model, const ChatRequest& chat) {
  Generation generation;
  generation.prompts.push_back(
      chat.options.truncates ? truncated_prompt_of(model, chat) : prompt_of(model, chat));
  generation.options = chat.options;
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
