#include "api/worker/completion_handler.h"

#include <nlohmann/json.hpp>

#include "api/openai/completion_request.h"
#include "api/openai/completion_response.h"
#include "api/worker/generation_handler.h"
#include "api/worker/prompt_room.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

// As transformers' tokenizers, and so mlx-lm, do with plain text.
constexpr bool kAddSpecial = true;

std::vector<int> tokens_of(const ServedModel& model, const Prompt& prompt) {
  const auto* text = std::get_if<std::string>(&prompt);
  return text != nullptr ? model.tokenizer->encode(*text, kAddSpecial)
                         : std::get<std::vector<int>>(prompt);
}

}  // namespace

Response handle_completion(const ServedModel& model, const Request& request) {
  Generation generation;
  const CompletionRequest completion =
      CompletionRequest::from_json(base::parse_json(request.body, "the request body"));
  for (const Prompt& prompt : completion.prompts) {
    generation.prompts.push_back(tokens_of(model, prompt));
    if (completion.options.truncates) {
      keep_last(generation.prompts.back(), prompt_room(model, completion.options));
    }
  }
  generation.options = completion.options;
  generation.format = std::make_unique<CompletionFormat>(
      answer_head(model, request, CompletionFormat::kIdPrefix, completion.options));
  generation.prompt_field = "prompt";
  return generate(model, request, std::move(generation));
}

}  // namespace hub::api
