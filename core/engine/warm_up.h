#pragma once

#include "core/engine/scheduler.h"
#include "core/models/kv_cache.h"
#include "core/models/language_model.h"
#include "core/models/text_encoder.h"

namespace hub::engine {

// Run a model's forward and the kernels' threads once, so that the first request does not pay for
// it. Throw kUnprocessable with the reason when it fails. Of the thread that owns MLX.
void warm_up(
    const models::LanguageModel& model,
    const StepLimits& limits,
    const models::KvCacheOptions& cache);
void warm_up(const models::TextEncoder& encoder, int max_rows);

}  // namespace hub::engine
