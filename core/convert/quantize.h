#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/convert/model_writer.h"
#include "core/model_config/quantize_params.h"

namespace hub::convert {

struct QuantizeReport {
  // Bits of all tensors a parameter (mlx_lm/utils.py › compute_bits_per_weight).
  double bits_per_weight = 0.0;
  std::uint64_t parameters = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t packed = 0;           // matrices
  std::vector<std::string> unpacked;  // paths of matrices that are not
  std::uint64_t requantized = 0;      // matrices that were packed before: unpacked first
};

// Writes the model at `source` packed as `params` say into `folder`, which is there and empty: what
// mlx_lm/convert.py --quantize writes (config.json, names, shapes, types, and the same bytes for a
// model of floats). A matrix whose width is no multiple of the group size stays as it is, as there.
// Unlike there a packed matrix is unpacked and packed anew, and a head that predicts further tokens
// (models/mtp_head.h) is not left out. Holds one matrix at a time. Throws
// kInvalidArgument for an override that names nothing, and as write_weights().
QuantizeReport quantize(
    const std::filesystem::path& source,
    const model_config::QuantizeParams& params,
    const std::filesystem::path& folder,
    std::uint64_t shard_bytes = kShardBytes,
    const KeepGoing& keep_going = {});

}  // namespace hub::convert
