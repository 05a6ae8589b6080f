#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hub::model_config {

// One tensor of a safetensors file.
struct TensorInfo {
  std::string name;
  std::string dtype;                // as the format spells it: "F32", "F16", "BF16", "U32", …
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t begin = 0;          // bytes [begin, end) of the file, row-major, little-endian
  std::uint64_t end = 0;
  std::string stored_name{};  // in the file, where `name` is another (text_part.h); empty: `name`

  [[nodiscard]] const std::string& name_in_file() const {
    return stored_name.empty() ? name : stored_name;
  }
  [[nodiscard]] std::uint64_t bytes() const { return end - begin; }
  // "[3, 64] F32", for messages.
  [[nodiscard]] std::string describe() const;
};

// The header of a safetensors file (https://huggingface.co/docs/safetensors): eight bytes of
// length, JSON, then the tensors' bytes without holes. Read without MLX, which trusts what it says.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in name order
  std::map<std::string, std::string> metadata;
  std::uint64_t header_bytes = 0;  // up to the first tensor

  [[nodiscard]] const TensorInfo* find(const std::string& name) const;

  // Checks everything the header claims against the file's size. Throws kNotFound when there is no
  // such file and kUnprocessable, naming the file and the tensor, when it is truncated or corrupt.
  static SafetensorsHeader read(const std::filesystem::path& file);
};

}  // namespace hub::model_config
