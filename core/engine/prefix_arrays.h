#pragma once

#include <vector>

#include "core/engine/prefix_file.h"
#include "core/model_config/model_config.h"
#include "core/models/attend.h"

namespace hub::engine {

// The bytes of a cache of `length` tokens as they lie in the memory of its parts, which are
// evaluated, and copied where they are not contiguous. They may then be read by any thread as long
// as the parts live and nobody writes their arrays.
std::vector<PrefixTensor> tensors_of(std::vector<models::KvCache::Part>& parts, int length);

// A cache over the memory that was read, which lives as long as its arrays do. Throws
// kUnprocessable when the tensors are not those of a cache of `model` with these options.
models::KvCache cache_of(
    const LoadedPrefix& loaded,
    const model_config::ModelConfig& model,
    const models::KvCacheOptions& options);

}  // namespace hub::engine
