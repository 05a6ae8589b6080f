#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hub::artifacts {

// The folders from which paths that clients give may be read. Constant after construction.
class AllowedRoots {
 public:
  // Folders that do not exist are dropped.
  explicit AllowedRoots(const std::vector<std::filesystem::path>& roots);

  // The canonical form (symbolic links followed) of a file or folder. A relative path is tried in
  // each root in turn. Throws kPermissionDenied (reason "path_not_allowed") when it lies outside
  // every root, kNotFound (reason "path_not_found") when inside and absent. `field` is the path
  // named in the error.
  [[nodiscard]] std::filesystem::path resolve(
      std::string_view path, const std::string& field) const;

  // As resolve(), for a folder; each entry that is a symbolic link must lead inside a root, too.
  // Throws kInvalidArgument when it is no folder.
  [[nodiscard]] std::filesystem::path resolve_folder(
      std::string_view path, const std::string& field) const;

 private:
  [[nodiscard]] bool inside(const std::filesystem::path& canonical) const;

  std::vector<std::filesystem::path> roots_;  // canonical
};

}  // namespace hub::artifacts
