#pragma once

#include <vector>

#include "api/openai/generation_options.h"
#include "api/worker/served_model.h"
#include "core/engine/generation.h"

namespace hub::api {

// What the engine is asked for one answer to a prompt. With a seed the answers of a prompt have
// seeds one after another, so that the first is that of a request for one. Throws kInvalidArgument
// naming the field for a token id outside the model's vocabulary.
engine::GenerateRequest engine_request(
    const ServedModel& model,
    const GenerationOptions& options,
    const std::vector<int>& prompt,
    int answer);

}  // namespace hub::api
