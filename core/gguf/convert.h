#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::gguf {

// What became of a file's tensors.
struct ConversionReport {
  std::map<std::string, int> types;  // how many tensors the file had of each type
  // Matrices whose values could not be kept: of a type that MLX has no form for, they were
  // computed and quantized anew.
  struct Requantized {
    std::string name;  // the Hub's
    std::string from;  // "Q6_K"
    int bits = 0;
  };
  std::vector<Requantized> requantized;
  std::uint64_t tensors = 0;

  // {"tensors","types":{…},"requantized":{"Q6_K":{"tensors","bits"}}}
  [[nodiscard]] base::Json to_json() const;
  // "24 of 272 tensors (Q6_K) were re-quantized to 8 bits"; "" when every value was kept.
  [[nodiscard]] std::string note() const;
};

// Writes the model folder that mlx-lm reads: config.json, generation_config.json, tokenizer.json,
// tokenizer_config.json, model.safetensors. Q4_0, Q4_1 and Q8_0 become MLX's affine groups of 32
// without changing a value, F32, F16 and BF16 stay, other types are re-quantized: up to four bits
// to 4, beyond to 8. `on_progress` hears bytes of the file done and in all; false stops it
// (kCancelled). Throws kUnprocessable naming what is wrong with the file, kUnavailable when the
// folder cannot be written.
ConversionReport convert(
    const std::filesystem::path& gguf,
    const std::filesystem::path& folder,
    const std::function<bool(std::uint64_t, std::uint64_t)>& on_progress);

}  // namespace hub::gguf
