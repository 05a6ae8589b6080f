#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/gguf/tensor_type.h"

namespace hub::gguf {

// A value of the file's metadata. Integers of every width come as int64 (uint64 beyond its range
// is refused), floats as double with the digits of their own width, arrays flat.
using Value = std::variant<
    std::int64_t,
    double,
    bool,
    std::string,
    std::vector<std::int64_t>,
    std::vector<double>,
    std::vector<std::string>>;

struct TensorInfo {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<std::uint64_t> shape;  // rows first, as everywhere else here (the file has them last)
  std::uint64_t offset = 0;          // of the first byte, in the file
  std::uint64_t bytes = 0;

  [[nodiscard]] std::uint64_t rows() const;     // 1 for vectors
  [[nodiscard]] std::uint64_t columns() const;  // values of a row
  [[nodiscard]] std::uint64_t row_bytes() const { return bytes / rows(); }
};

// A GGUF file (version 2 or 3, little-endian): header and metadata in memory, tensors read on
// demand. Everything the header claims is checked against the file's size before memory is taken
// for it. Reading is thread-safe.
class GgufFile {
 public:
  // Throws kNotFound when there is no such file, kUnprocessable naming what is wrong with it.
  explicit GgufFile(const std::filesystem::path& path);
  ~GgufFile();
  GgufFile(const GgufFile&) = delete;
  GgufFile& operator=(const GgufFile&) = delete;

  [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return tensors_; }
  [[nodiscard]] const TensorInfo* find_tensor(const std::string& name) const;

  // nullptr when there is no such field.
  [[nodiscard]] const Value* find(const std::string& key) const;
  // Throw kUnprocessable naming the field when it is absent or of another kind.
  [[nodiscard]] std::int64_t integer(const std::string& key) const;
  [[nodiscard]] double number(const std::string& key) const;
  [[nodiscard]] const std::string& text(const std::string& key) const;
  [[nodiscard]] const std::vector<std::string>& texts(const std::string& key) const;
  [[nodiscard]] const std::vector<std::int64_t>& integers(const std::string& key) const;
  [[nodiscard]] const std::vector<double>& numbers(const std::string& key) const;

  // Bytes [begin, begin + out.size()) of a tensor. Throws kUnprocessable when the file has become
  // shorter.
  void read(const TensorInfo& tensor, std::uint64_t begin, std::vector<std::uint8_t>& out) const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_; }

 private:
  template <typename T>
  const T& get(const std::string& key, const char* kind) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::map<std::string, Value> fields_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace hub::gguf
