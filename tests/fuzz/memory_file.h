#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {

// A regular file that is in memory alone, for parsers that want a path. Linux.
class MemoryFile {
 public:
  // Behind `bytes` come zeros up to `size`, which take no room.
  explicit MemoryFile(std::string_view bytes, std::uint64_t size = 0)
      : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "a file in memory can be made");
    write(bytes);
    if (size > bytes.size()) {
      require(::ftruncate(descriptor_, static_cast<off_t>(size)) == 0, "it can be made longer");
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

 private:
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
      require(done > 0, "a file in memory takes bytes");
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
  }

  int descriptor_;
};

}  // namespace hub::fuzz
