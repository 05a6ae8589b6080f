#pragma once

#include <span>

#include "api/openai/field_names.h"
#include "core/base/json_reader.h"

namespace hub::api {

// Sets in `options` what `from` (a body of llama.cpp's, or Ollama's "options") says under
// llama.cpp's names: temperature, top_k, top_p, min_p, typical_p, xtc_…, dry_…, seed,
// repeat_penalty and repeat_last_n, which is the window of all three penalties there,
// presence_penalty, frequency_penalty, stop. A negative seed, or the one that stands for it, draws
// anew. Throws kInvalidArgument for what would change the answer and is not supported (mirostat, a
// dynamic temperature).
void copy_sampler(const base::JsonReader& from, base::Json& options);

// What copy_sampler() renames.
std::span<const FieldName> sampler_names();

}  // namespace hub::api
