#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hub::model_config {

struct PlannedTensor {
  std::string name;
  std::string dtype;  // safetensors' spelling: "F32", "F16", "BF16", "U32"
  std::vector<std::uint64_t> shape;
  std::uint64_t bytes = 0;
};

// A safetensors file whose tensors are written piece by piece in any order, so that no tensor has
// to be in memory whole. One thread.
class SafetensorsWriter {
 public:
  // Writes the header. Throws kUnavailable ("disk_full" where that is the reason).
  SafetensorsWriter(const std::filesystem::path& path, std::vector<PlannedTensor> tensors);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // Bytes of a tensor from `begin` on.
  void write(const std::string& name, std::uint64_t begin, const void* bytes, std::size_t count);
  // Syncs the file. Throws kInternal unless every byte of every tensor was written.
  void finish();

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t left = 0;
  };
  void put(std::uint64_t offset, const void* bytes, std::size_t count);

  const std::filesystem::path path_;
  int descriptor_ = -1;
  std::map<std::string, Place> places_;
};

}  // namespace hub::model_config
