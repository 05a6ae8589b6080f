#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

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

// What a fine-tuning left, without a model.
struct Trained {
  // By module path. Of DoRA only the magnitudes m count; their gains follow from the base.
  nn::LoraAdapter factors;
  // Of a full fine-tuning: whole tensors by name, in place of the base's.
  std::unordered_map<std::string, mx::array> whole;
};

// adapters.safetensors and adapter_config.json, evaluated. Throws kUnprocessable naming tensors
// that belong to no module or lack their other half. Whether they fit a base shows in merge().
Trained read_trained(const std::filesystem::path& folder);

// Writes base + adapter as a model folder of its own into `folder`, which is there and empty. The
// arithmetic is that of fuse() in mlx_lm/tuner/lora.py and dora.py: unpack, add (scale * B^T) @ A^T
// (the embedding table: (scale * A) @ B) in the weight's type, with DoRA scale each row to its
// magnitude, which makes it float32, pack again with the same bits, group size and mode. Whole
// tensors replace the base's. Holds one matrix at a time. Throws kUnprocessable
// (`adapter_does_not_fit`) naming what the base has not or has in other shapes, and as
// write_weights().
MergeReport merge(
    const std::filesystem::path& base_folder,
    const Trained& trained,
    const std::filesystem::path& folder,
    const MergeOptions& options,
    const KeepGoing& keep_going = {});

}  // namespace hub::convert
