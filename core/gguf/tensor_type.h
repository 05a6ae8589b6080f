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
  kQ40 = 2,
  kQ41 = 3,
  kQ50 = 6,
  kQ51 = 7,
  kQ80 = 8,
  kQ2K = 10,
  kQ3K = 11,
  kQ4K = 12,
  kQ5K = 13,
  kQ6K = 14,
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
