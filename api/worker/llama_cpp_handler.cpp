#include "api/worker/llama_cpp_handler.h"

#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/llama_cpp/completion_body.h"
#include "api/llama_cpp/completion_format.h"
#include "api/llama_cpp/token_bodies.h"
#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Json;

Json body_of(const Request& request) {
  return base::parse_json(request.body, "the request body");
}

Response answer_of(const Json& json) {
  return json_response(200, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string text_of(const ServedModel& model, const Prompt& prompt) {
  const auto* text = std::get_if<std::string>(&prompt);
  return text != nullptr ? *text
                         : model.tokenizer->decode(std::get<std::vector<int>>(prompt), false);
}

// Throws kInvalidArgument naming `field` for ids that the tokenizer does not know.
void check_tokens(
    const ServedModel& model, const std::vector<int>& tokens, std::string_view field) {
  const int vocabulary = model.tokenizer->vocabulary_size();
  for (const int token : tokens) {
    if (token >= vocabulary) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("'{}': token ids below {} were wanted, got {}", field, vocabulary, token),
          std::string(field));
    }
  }
}

constexpr std::string_view kNoGrammar = "the grammar cannot be used: ";

// What the compiler says of a grammar that was translated from GBNF, without the places and lines
// of the translation ("1(18): …", "(at …"), which the client never saw.
std::string without_places(std::string_view message) {
  message.remove_prefix(kNoGrammar.size());
  message = message.substr(0, message.find('\n'));
  message = message.substr(0, message.find(" (at "));
  const std::size_t end = message.find("): ");
  if (end != std::string_view::npos &&
      message.substr(0, end).find_first_not_of("0123456789(") == std::string_view::npos) {
    message.remove_prefix(end + 3);
  }
  return std::string(message);
}

Response generate_within_gbnf(
    const ServedModel& model, const Request& request, Generation generation) {
  try {
    return generate(model, request, std::move(generation));
  } catch (const base::Error& error) {
    const std::string_view message = error.what();
    if (error.code() != base::ErrorCode::kInvalidArgument || !message.starts_with(kNoGrammar)) {
      throw;
    }
    throw base::Error(
        error.code(),
        fmt::format("'grammar' cannot be used: {}", without_places(message)),
        "grammar",
        error.reason());
  }
}

// What a template calls by this name; "" where the model has no such token.
std::string token_text(const ServedModel& model, const std::vector<int>& ids) {
  return ids.empty() ? "" : model.tokenizer->id_to_token(ids.front()).value_or("");
}

}  // namespace

Response handle_llama_completion(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const LlamaCompletion asked = LlamaCompletion::from_json(body_of(request));
  const Prompt& prompt = asked.completion.prompts.front();
  if (const auto* tokens = std::get_if<std::vector<int>>(&prompt)) {
    check_tokens(model, *tokens, "prompt");
  }
  return read_translated(LlamaCompletion::field_names(), [&] {
    Generation generation = completion_generation(model, asked.completion);
    generation.arrived = arrived;
    generation.format = std::make_unique<LlamaCompletionFormat>(
        answer_head(model, request, "", generation.options),
        LlamaCompletionFormat::Details{
            .prompt = text_of(model, prompt),
            .prompt_tokens = static_cast<int>(generation.prompts.front().size()),
            .return_tokens = asked.return_tokens,
            .tells_probabilities = asked.tells_probabilities});
    return generate_within_gbnf(model, request, std::move(generation));
  });
}

Response handle_tokenize(const ServedModel& model, const Request& request) {
  const TokenizeBody asked = TokenizeBody::from_json(body_of(request));
  Json tokens = Json::array();
  for (const int token : model.tokenizer->encode(asked.content, asked.add_special)) {
    if (asked.with_pieces) {
      tokens.push_back(
          {{"id", token}, {"piece", model.tokenizer->decode(std::vector{token}, false)}});
    } else {
      tokens.push_back(token);
    }
  }
  return answer_of({{"tokens", std::move(tokens)}});
}

Response handle_detokenize(const ServedModel& model, const Request& request) {
  const DetokenizeBody asked = DetokenizeBody::from_json(body_of(request));
  check_tokens(model, asked.tokens, "tokens");
  return answer_of({{"content", model.tokenizer->decode(asked.tokens, false)}});
}

Response handle_apply_template(const ServedModel& model, const Request& request) {
  return answer_of({{"prompt", chat_prompt(model, ChatRequest::from_json(body_of(request)))}});
}

Response handle_props(const ServedModel& model, const Request& request) {
  const std::string name = request.header("x-hub-model");
  const auto settings = engine::SamplingParams{};
  return answer_of(
      {{"default_generation_settings",
        {{"n_ctx", model.engine.context_length()},
         {"params",
          {{"n_predict", -1},
           {"temperature", settings.temperature},
           {"top_k", settings.top_k},
           {"top_p", settings.top_p},
           {"min_p", settings.min_p},
           {"repeat_penalty", settings.rules.repetition_penalty}}}}},
       {"total_slots", model.running == nullptr ? 1 : model.running->slots()},
       {"model_alias", name.empty() ? model.name : name},
       {"model_path", model.name},
       {"modalities", {{"vision", false}, {"audio", false}}},
       {"chat_template", model.chat_template == nullptr ? "" : model.chat_template->source()},
       {"eos_token", token_text(model, model.stop_ids)},
       {"build_info", "mlx-hub " HUB_VERSION}});
}

Response handle_slots(const ServedModel& model, const Request& /*request*/) {
  Json slots = Json::array();
  if (model.running == nullptr) {
    return answer_of(slots);
  }
  for (const RunningRequests::Entry& entry : model.running->entries()) {
    slots.push_back(
        {{"id", slots.size()},
         {"id_task", entry.request_id},
         {"is_processing", true},
         {"n_ctx", model.engine.context_length()},
         {"n_prompt_tokens", entry.prompt_tokens},
         {"seconds", entry.seconds},
         {"next_token", {{{"n_decoded", entry.completion_tokens}}}}});
  }
  while (slots.size() < static_cast<std::size_t>(model.running->slots())) {
    slots.push_back(
        {{"id", slots.size()}, {"is_processing", false}, {"n_ctx", model.engine.context_length()}});
  }
  return answer_of(slots);
}

}  // namespace hub::api
