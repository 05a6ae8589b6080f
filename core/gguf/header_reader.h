#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/gguf/gguf_file.h"

namespace hub::gguf {

// Reads the header of a GGUF file front to back through a window; every length is compared with
// what the file still has before it is believed. One thread.
class HeaderReader {
 public:
  HeaderReader(int descriptor, std::uint64_t file_bytes, std::string file_name);

  template <typename T>
  T number() {
    T value{};
    std::array<char, sizeof(T)> bytes{};
    copy(bytes.data(), bytes.size());
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string text(std::string_view what, std::uint64_t most);
  // The value after its type's number.
  Value value(const std::string& key);

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t left() const { return file_bytes_ - position_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void copy(char* out, std::size_t count);
  Value scalar(std::uint32_t type, const std::string& key);
  Value array(const std::string& key);

  const int descriptor_;
  const std::uint64_t file_bytes_;
  const std::string file_name_;
  std::uint64_t position_ = 0;
  std::string window_;
  std::size_t used_ = 0;
};

}  // namespace hub::gguf
