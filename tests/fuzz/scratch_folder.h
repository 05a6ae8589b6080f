#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

namespace hub::fuzz {

// One folder of this process for parsers that want one, in memory where the system has /dev/shm;
// emptied before each input, removed at the end.
class ScratchFolder {
 public:
  static const ScratchFolder& emptied() {
    static const ScratchFolder folder;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path_)) {
      std::filesystem::remove_all(entry.path());
    }
    return folder;
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void put(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  ScratchFolder() {
    const std::filesystem::path shared = "/dev/shm";
    path_ =
        (std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path()) /
        ("hub-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::filesystem::path path_;
};

}  // namespace hub::fuzz
