#pragma once

#include <cstdint>
#include <span>

#include "core/gguf/tensor_type.h"

namespace hub::gguf {

// MLX's affine quantization with groups of 32 values of a row: w = scale * q + bias. `words` holds
// value i of a row at bits bits * (i % (32 / bits)) of word i / (32 / bits); scales and biases are
// half precision, one a group.
inline constexpr std::uint32_t kGroupValues = 32;

struct AffineRows {
  std::span<std::uint32_t> words;
  std::span<std::uint16_t> scales;
  std::span<std::uint16_t> biases;
};

// Q4_0, Q4_1 (4 bits) and Q8_0 (8 bits) are such groups already: only their bits are moved. Throws
// kUnprocessable when a bias does not fit half precision.
void repack(TensorType type, std::span<const std::uint8_t> blocks, const AffineRows& out);
// The bits that repack() makes of a type; 0 for types that it cannot take.
int repacked_bits(TensorType type);

// Quantizes values anew to 4 or 8 bits, as mlx's quantize() does: the end of the range that is
// farther from zero and zero itself are met exactly. Throws kUnprocessable for values beyond half
// precision.
void quantize(std::span<const float> values, int bits, const AffineRows& out);

}  // namespace hub::gguf
