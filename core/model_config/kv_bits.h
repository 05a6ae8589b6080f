#pragma once

#include <cstdint>

#include "core/model_config/model_config.h"

namespace hub::model_config {

// Keys and values may be kept in few bits, as mlx-lm's QuantizedKVCache keeps them
// (mlx_lm/models/cache.py): by MLX's affine quantization along a head, with a scale and a bias for
// each group of elements. Both are float32 here on every device.

// Throws kInvalidArgument (param "kv_bits") unless `bits` is 0 (floats), 4 or 8, and kUnprocessable
// when a layer's heads cannot be cut into groups.
void check_kv_bits(const ModelConfig& config, int bits);

// Elements of a group: 64, or 32 where 64 do not divide a head.
int kv_group_size(int head_dim);

// Bytes of one key or value of `head_dim` elements. bits 4 or 8.
std::uint64_t quantized_row_bytes(int head_dim, int bits);

}  // namespace hub::model_config
