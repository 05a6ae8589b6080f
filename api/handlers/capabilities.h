#pragma once

#include "core/base/json.h"
#include "core/registry/records.h"

namespace hub::api {

// Whether the model of a version has a next token, or makes embeddings alone. True for one whose
// configuration is not known yet.
bool makes_text(const registry::Version& version);

// What a model may be asked for: {"chat","completions","embeddings","finetune"}. `config`: what a
// version's config_json holds; null for one that is not known yet.
base::Json capabilities_json(const base::Json& config);

}  // namespace hub::api
