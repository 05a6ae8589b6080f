#include "core/engine/warm_up.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/engine/embedder.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"
#include "core/engine/stream_state.h"

namespace hub::engine {

using base::Error;
using base::ErrorCode;

void warm_up(
    const models::LanguageModel& model,
    const StepLimits& limits,
    const models::KvCacheOptions& cache) {
  StepLoop loop(model, limits, {}, {.cache = cache});
  auto sequence = std::make_unique<Sequence>();
  sequence->tokens.assign(8, 0);
  sequence->prompt_length = 8;
  sequence->max_length = 10;
  sequence->sampling.temperature = 0.0F;
  sequence->stream = std::make_shared<StreamState>();
  const std::shared_ptr<StreamState> stream = sequence->stream;
  loop.add(std::move(sequence));
  while (!loop.idle()) {
    loop.step();
  }
  if (stream->events.back().finish == FinishReason::kError) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("model: a first forward failed: {}", stream->events.back().error));
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
