#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/json.h"

namespace hub::hub {

// Where things lie on this machine (docs/storage-format.md). All functions create nothing unless
// they say so.

// $XDG_DATA_HOME/mlx-hub, ~/.local/share/mlx-hub, or ~/Library/Application Support/mlx-hub on
// macOS.
std::filesystem::path default_data_folder();

// $XDG_CACHE_HOME/mlx-hub, ~/.cache/mlx-hub, or ~/Library/Caches/mlx-hub on macOS: what can be made
// again.
std::filesystem::path cache_folder();

// What was installed beside the program: `share/mlx-hub` next to its `bin` folder
// (docs/packaging.md). It need not exist.
std::filesystem::path installed_folder();

// The prepared default model: $MLX_HUB_MODELS, else `models/smollm2-135m-instruct` of what was
// installed with the hub, else, where that is missing, of the cache folder.
std::filesystem::path default_model_folder(
    const std::filesystem::path& installed = installed_folder());

// A short private folder for Unix sockets of the server on `data_folder` (socket paths have a limit
// of 103 bytes on macOS, 107 on Linux). Creates it with mode 0700. Throws kUnavailable.
std::filesystem::path make_runtime_folder(const std::filesystem::path& data_folder);

// The one server of a data folder: holds an exclusive lock while it lives, and publishes the
// server's address for the CLI. Throws kConflict naming the other server's pid when the folder is
// taken.
class DataFolderLock {
 public:
  explicit DataFolderLock(std::filesystem::path data_folder);
  ~DataFolderLock();
  DataFolderLock(const DataFolderLock&) = delete;
  DataFolderLock& operator=(const DataFolderLock&) = delete;

  // Writes server.json {"url","pid"}; removed with the lock.
  void publish(const std::string& url) const;

 private:
  std::filesystem::path folder_;
  int descriptor_;
};

// The address that a running server published; nullopt when there is none or its process is gone.
std::optional<std::string> published_server(const std::filesystem::path& data_folder);

}  // namespace hub::hub
