#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "core/base/ids.h"

namespace hub::hub {

// A folder of its own below `parent`, named ".<purpose>-<id>", that goes with this object.
class ScratchFolder {
 public:
  ScratchFolder(const std::filesystem::path& parent, const std::string& purpose)
      : path_(parent / ("." + purpose + "-" + base::new_id())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace hub::hub
