#pragma once

#include "core/base/json_reader.h"
#include "core/engine/generation.h"

namespace hub::api {

// How tokens are drawn, from the fields of OpenAI's, mlx-lm's, vLLM's and llama.cpp's requests
// under their own names. `xtc_exempt` and `rules.dry.breakers` stay empty: they need the tokenizer.
// Throws kInvalidArgument with the field's path, what was wanted and what came.
engine::SamplingParams read_sampling(const base::JsonReader& body);

}  // namespace hub::api
