// Bodies of POST /v1/chat/completions, /v1/completions, /v1/responses and /v1/embeddings.
#include <nlohmann/json.hpp>

#include "api/openai/chat_request.h"
#include "api/openai/completion_request.h"
#include "api/openai/embedding_request.h"
#include "api/openai/responses_items.h"
#include "api/openai/responses_request.h"
#include "core/base/json_reader.h"
#include "core/text/message_shape.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

void check(const api::GenerationOptions& options) {
  const engine::SamplingParams& sampling = options.sampling;
  require(
      sampling.temperature >= 0 && sampling.temperature <= 2, "the temperature is in its range");
  require(sampling.top_p >= 0 && sampling.top_p <= 1, "so is top_p");
  require(sampling.top_k >= 0, "so is top_k");
  require(sampling.rules.repetition_penalty > 0, "nothing is divided by zero");
  require(options.n >= 1 && options.n <= options.best_of, "there is an answer");
  require(
      !options.max_tokens || *options.max_tokens >= (options.echo ? 0 : 1), "so are the tokens");
  require(options.stop.size() <= 16, "stop strings are few");
}

}  // namespace

void run(std::string_view input) {
  base::Json body;
  if (!accepts([&] { body = base::parse_json(input, "the body"); })) {
    return;
  }
  accepts([&] {
    const auto chat = api::ChatRequest::from_json(body);
    check(chat.options);
    require(!chat.messages.empty(), "a chat has messages");
    const base::Json messages = text::messages_for_template(chat.template_messages());
    require(messages.size() == chat.messages.size(), "and a template gets them all");
  });
  accepts([&] {
    const auto completion = api::CompletionRequest::from_json(body);
    check(completion.options);
    require(!completion.prompts.empty(), "there is a prompt");
    require(completion.prompts.size() <= api::CompletionRequest::kMaxPrompts, "and not too many");
  });
  accepts([&] {
    const auto responses = api::ResponsesRequest::from_json(body);
    check(responses.chat.options);
    require(!responses.items->empty(), "a response has input");
    base::Json again = {{"input", *responses.items}};
    require(
        api::input_items(base::JsonReader(again)) == *responses.items,
        "and what was read once is read the same again");
  });
  accepts([&] {
    const auto embedding = api::EmbeddingRequest::from_json(body);
    require(!embedding.inputs.empty(), "there is a text");
    require(embedding.inputs.size() <= api::EmbeddingRequest::kMaxInputs, "and not too many");
    require(!embedding.dimensions || *embedding.dimensions >= 1, "vectors have elements");
  });
}

}  // namespace hub::fuzz
