#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hub::gguf {

// How the values of a tensor lie in a GGUF file. Numbers are the file format's (ggml.h,
// enum ggml_type).
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBF16 = 30,
};

// A row is a sequence of blocks.
struct TypeTraits {
  TensorType type;
  std::string_view name;  // "Q4_1"
  std::uint32_t block_values;
  std::uint32_t block_bytes;
};

// nullptr for a type that this program cannot read.
const TypeTraits* find_type(std::uint32_t number);
const TypeTraits& traits(TensorType type);

}  // namespace hub::gguf
