#include "api/worker/completion_handler.h"

#include <nlohmann/json.hpp>

#include "api/openai/completion_response.h"
#include "api/worker/prompt_room.h"
#include "core/base/clock.h"
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

Generation completion_generation(const ServedModel& model, const CompletionRequest& completion) {
  Generation generation;
  for (const Prompt& prompt : completion.prompts) {
    generation.prompts.push_back(tokens_of(model, prompt));
    if (completion.options.truncates) {
      keep_last(generation.prompts.back(), prompt_room(model, completion.options));
    }
  }
  generation.options = completion.options;
  generation.prompt_field = "prompt";
  return generation;
}

Response handle_completion(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const CompletionRequest completion =
      CompletionRequest::from_json(base::parse_json(request.body, "the request body"));
  Generation generation = completion_generation(model, completion);
  generation.arrived = arrived;
  generation.format = std::make_unique<CompletionFormat>(
      answer_head(model, request, CompletionFormat::kIdPrefix, completion.options));
  return generate(model, request, std::move(generation));
}

}  // namespace hub::api
