#pragma once

#include <cstdint>
#include <span>

#include "core/gguf/tensor_type.h"

namespace hub::gguf {

// The values of whole blocks of any type, as llama.cpp computes them (ggml-quants.c,
// dequantize_row_*). `values` has exactly those that `blocks` holds.
void dequantize(TensorType type, std::span<const std::uint8_t> blocks, std::span<float> values);

}  // namespace hub::gguf
