#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/base/json.h"
#include "core/model_config/safetensors_writer.h"

namespace hub::convert {

namespace mx = mlx::core;

// As mlx_lm/utils.py › MAX_FILE_SIZE_GB.
inline constexpr std::uint64_t kShardBytes = 5ULL << 30U;

// Tensors that are made together, in the order of `outputs`.
struct Step {
  std::vector<model_config::PlannedTensor> outputs;
  std::function<std::vector<mx::array>()> make;
};

// Called between steps with the bytes written so far; false ends the work.
using KeepGoing = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// What a tensor will look like in a file. `dtype`: float types, uint32, uint8.
model_config::PlannedTensor planned(
    const std::string& name, const std::vector<std::int64_t>& shape, mx::Dtype dtype);
// The same with safetensors' spelling of the type.
model_config::PlannedTensor planned(
    const std::string& name,
    const std::vector<std::int64_t>& shape,
    const std::string& dtype,
    std::uint64_t bytes);
// Throws kUnprocessable for a type that no weight has.
mx::Dtype dtype_from(const std::string& safetensors_dtype);

// Writes model.safetensors, or shards of at most `shard_bytes` (a larger tensor has one of its own)
// with model.safetensors.index.json, one step after another: never more than one step's arrays are
// in memory. Every file is synced. `total_parameters` goes into the index. Throws kCancelled when
// `keep_going` says so, kUnavailable when the disk refuses.
void write_weights(
    const std::filesystem::path& folder,
    const std::vector<Step>& steps,
    std::uint64_t total_parameters,
    std::uint64_t shard_bytes,
    const KeepGoing& keep_going);

// config.json in mlx-lm's form (mlx_lm/utils.py › save_config) with these changes: `quantization`
// is written twice, as `quantization_config` too; null removes both. The other files of `source`
// that describe a model (tokenizer, template, generation settings, licence) are copied.
void write_documents(
    const std::filesystem::path& source,
    const std::filesystem::path& folder,
    const base::Json& quantization);

}  // namespace hub::convert
