#pragma once

#include <algorithm>
#include <cstdint>

#include "core/artifacts/stored_file.h"

namespace hub::artifacts {

// Counts the bytes of files that are gone through one after the other. One thread; outlives what
// next() gives, and `progress` outlives it.
class ByteCount {
 public:
  // `total_bytes`: of all files.
  ByteCount(const BytesProgress& progress, std::int64_t total_bytes)
      : progress_(progress), total_bytes_(total_bytes) {}

  // For the next file. What it turns out to have beyond `size_bytes` is not counted.
  ReadProgress next(std::int64_t size_bytes) {
    const std::int64_t before = before_;
    before_ += size_bytes;
    return [this, before, size_bytes](std::int64_t bytes) {
      return !progress_ || progress_(before + std::min(bytes, size_bytes), total_bytes_);
    };
  }

 private:
  const BytesProgress& progress_;
  const std::int64_t total_bytes_;
  std::int64_t before_ = 0;  // of the files so far
};

}  // namespace hub::artifacts
