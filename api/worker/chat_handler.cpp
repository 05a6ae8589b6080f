#include "api/worker/chat_handler.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/chat_request.h"
#include "api/openai/chat_response.h"
#include "api/worker/generation_handler.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

std::vector<int> prompt_of(const ServedModel& model, const ChatRequest& chat) {
  if (model.chat_template == nullptr) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "model \"{}\" has no chat template; /v1/completions takes plain text", model.name),
        "messages",
        "no_chat_template");
  }
  const base::Json messages = chat.template_messages();
  const std::string text =
      model.chat_template->render({.messages = messages, .extra = chat.template_kwargs.get()});
  return model.tokenizer->encode(text);  // the template writes the special tokens itself
}

}  // namespace

Response handle_chat(const ServedModel& model, const Request& request) {
  Generation generation;
  const ChatRequest chat =
      ChatRequest::from_json(base::parse_json(request.body, "the request body"));
  generation.prompts.push_back(prompt_of(model, chat));
  generation.options = chat.options;
  generation.format = std::make_unique<ChatFormat>(
      answer_head(model, request, ChatFormat::kIdPrefix, chat.options));
  generation.prompt_field = "messages";
  return generate(model, request, std::move(generation));
}

}  // namespace hub::api
