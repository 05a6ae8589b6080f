#include "core/engine/warm_up.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/engine/embedder.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"
#include "core/engine/stream_state.h"
#include "core/tensor/ops.h"

namespace hub::engine {

using base::Error;
using base::ErrorCode;

namespace {

constexpr int kPromptTokens = 8;
constexpr int kLongPrompt = 600;  // tokens, for attention in parts

void run_together(
    int sequences,
    const models::LanguageModel& model,
    const StepLimits& limits,
    const models::KvCacheOptions& cache,
    int first_prompt) {
  StepLoop loop(model, limits, {}, {.keeps_prefixes = false, .cache = cache});
  std::vector<std::shared_ptr<StreamState>> streams;
  for (int i = 0; i < sequences; ++i) {
    auto sequence = std::make_unique<Sequence>();
    const int length = i == 0 ? first_prompt : kPromptTokens;
    sequence->tokens.assign(static_cast<std::size_t>(length), i % model.config().vocab_size);
    sequence->prompt_length = length;
    sequence->max_length = length + 2;
    sequence->sampling.temperature = 0.0F;
    sequence->stream = std::make_shared<StreamState>();
    streams.push_back(sequence->stream);
    loop.add(std::move(sequence));
  }
  while (!loop.idle()) {
    loop.step();
  }
  for (const auto& stream : streams) {
    if (stream->events.back().finish == FinishReason::kError) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format("model: a first forward failed: {}", stream->events.back().error));
    }
  }
}

}  // namespace

// On a GPU also batches and longer prompts: kernels are compiled when they are first used.
void warm_up(
    const models::LanguageModel& model,
    const StepLimits& limits,
    const models::KvCacheOptions& cache) {
  const bool on_gpu = tensor::default_device_is_gpu();
  const int longest = std::min(kLongPrompt, model.config().max_position_embeddings - 2);
  for (const int sequences : {1, 9, 33}) {
    if (sequences > 1 && (!on_gpu || sequences > limits.max_running)) {
      break;
    }
    run_together(sequences, model, limits, cache, kPromptTokens);
    if (on_gpu) {
      run_together(sequences, model, limits, cache, longest);
    }
  }
}

void warm_up(const models::TextEncoder& encoder, int max_rows) {
  Embedder embedder(encoder, max_rows);
  auto task = std::make_unique<EmbedTask>();
  task->request.inputs = {std::vector<int>(8, 0)};
  task->state = std::make_shared<EmbedState>();
  PendingVectors vectors(task->state);
  embedder.add(std::move(task));
  embedder.step();
  try {
    static_cast<void>(vectors.get());
  } catch (const std::exception& error) {
    throw Error(
        ErrorCode::kUnprocessable, fmt::format("model: a first forward failed: {}", error.what()));
  }
}

}  // namespace hub::engine
