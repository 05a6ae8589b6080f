#include "api/worker/training_samples.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/worker/stop_ids.h"
#include "core/base/error.h"
#include "core/engine/step_loop.h"
#include "core/model_config/memory_estimate.h"
#include "core/text/chat_template.h"

namespace hub::api {
namespace {

using base::Json;

std::vector<int> encode(
    const text::Tokenizer& tokenizer, const text::ChatTemplate* chat, const std::string& prompt) {
  if (chat == nullptr) {
    return tokenizer.encode(prompt);
  }
  const Json messages = Json::array({{{"role", "user"}, {"content", prompt}}});
  return tokenizer.encode(chat->render({.messages = messages}));
}

}  // namespace

TrainingSamples::TrainingSamples(
    const JobSpec& spec,
    const model_config::FinetuneParams& params,
    const model_config::ModelConfig& config)
    : tokenizer_(text::Tokenizer::load(spec.base_folder)),
      stop_ids_(stop_ids(config, *tokenizer_, spec.base_folder)),
      max_tokens_(params.sample_max_tokens) {
  const auto chat = text::ChatTemplate::load(spec.base_folder);
  for (const std::string& text : params.sample_prompts) {
    Prompt prompt{text, encode(*tokenizer_, chat.get(), text)};
    const auto length = static_cast<int>(prompt.tokens.size());
    if (length == 0 || length + max_tokens_ > config.max_position_embeddings) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "a sample prompt has {} tokens, which with {} of the answer must be 1 to {}",
              length,
              max_tokens_,
              config.max_position_embeddings),
          "params.sample_prompts");
    }
    prompts_.push_back(std::move(prompt));
  }
}

void TrainingSamples::draw(
    int step,
    const train::PlacedModel& placed,
    const train::KeepGoing& keep_going,
    const EmitEvent& emit) const {
  const std::uint64_t token_bytes = models::kv_bytes_per_token(*placed.model);
  const auto adapter = std::make_shared<const nn::LoraAdapter>(placed.adapter);
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    keep_going(i);
    const Prompt& prompt = prompts_[i];
    const auto length = static_cast<int>(prompt.tokens.size());
    engine::StepLimits limits;
    limits.max_running = 1;
    limits.kv_bytes_per_token = token_bytes;
    engine::StepLoop loop(*placed.model, limits);
    auto sequence = std::make_unique<engine::Sequence>();
    sequence->tokens = prompt.tokens;
    sequence->prompt_length = length;
    sequence->max_length = length + max_tokens_;
    sequence->sampling.temperature = 0.0F;
    sequence->stop_ids = stop_ids_;
    sequence->owner.adapter = adapter->layers.empty() ? nullptr : adapter;
    sequence->stream = std::make_shared<engine::StreamState>();
    const std::shared_ptr<engine::StreamState> stream = sequence->stream;
    loop.add(std::move(sequence));
    while (!loop.idle()) {
      loop.step();
    }
    std::vector<int> tokens;
    for (const engine::TokenEvent& event : stream->events) {
      if (event.finish == engine::FinishReason::kError) {
        throw base::Error(base::ErrorCode::kInternal, "a sample failed: " + event.error);
      }
      if (event.token >= 0) {
        tokens.push_back(event.token);
      }
    }
    emit(
        "sample",
        {{"step", step},
         {"index", i},
         {"prompt", prompt.text},
         {"text", tokenizer_->decode(tokens, true)},
         {"tokens", tokens.size()},
         {"finish_reason", to_string(*stream->events.back().finish)}});
  }
}

}  // namespace hub::api
