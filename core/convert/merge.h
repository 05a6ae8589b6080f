#pragma once

#include <cstdint>
#include <filesystem>

#include "core/base/json.h"
#include "core/convert/model_writer.h"
#include "core/nn/lora.h"

namespace hub::convert {

struct MergeOptions {
  bool dequantize = false;  // float weights everywhere, as `mlx_lm.fuse --dequantize`
  std::uint64_t shard_bytes = kShardBytes;
};

// What became of the adapter's delta D once it lay in the weights as E: rounding to the weights'
// type, and packing, leave less or other than what was added.
struct DeltaLoss {
  double kept = 1.0;   // <D, E> / <D, D>: 1 all of it, 0 nothing
  double error = 0.0;  // |E - D| / |D|
  double share = 0.0;  // |D| / |W| over the adapted matrices
};

struct MergeReport {
  std::uint64_t matrices = 0;  // that the adapter changed
  std::uint64_t size_bytes = 0;
  DeltaLoss delta;
};

// adapters.safetensors and adapter_config.json without a model: the factors by module path. Throws
// kUnprocessable naming everything that does not fit the base at `base_folder`.
nn::LoraAdapter read_adapter(
    const std::filesystem::path& folder, const std::filesystem::path& base_folder);

// Writes base + adapter as a model folder of its own into `folder`, which is there and empty. The
// arithmetic is mlx_lm/tuner/lora.py › LoRALinear.fuse: unpack, add (scale * B^T) @ A^T in the
// weight's type, pack again with the same bits, group size and mode. Holds one matrix at a time.
// Throws kUnprocessable when the adapter names a matrix that the base has not, and as
// write_weights().
MergeReport merge(
    const std::filesystem::path& base_folder,
    const nn::LoraAdapter& adapter,
    const std::filesystem::path& folder,
    const MergeOptions& options,
    const KeepGoing& keep_going = {});

}  // namespace hub::convert
