#include "core/artifacts/allowed_roots.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

}  // namespace

AllowedRoots::AllowedRoots(const std::vector<fs::path>& roots) {
  for (const fs::path& root : roots) {
    std::error_code error;
    const fs::path canonical = fs::canonical(root, error);
    if (!error) {
      roots_.push_back(canonical);
    }
  }
}

bool AllowedRoots::inside(const fs::path& canonical) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const fs::path& root) {
    const auto [in_root, in_path] =
        std::mismatch(root.begin(), root.end(), canonical.begin(), canonical.end());
    return in_root == root.end();
  });
}

fs::path AllowedRoots::resolve(std::string_view path, const std::string& field) const {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    throw Error(
        ErrorCode::kInvalidArgument, fmt::format("'{}' must be a path, got none", field), field);
  }
  std::vector<fs::path> candidates;
  if (fs::path(path).is_absolute()) {
    candidates.emplace_back(path);
  } else {
    for (const fs::path& root : roots_) {
      candidates.push_back(root / path);
    }
  }
  bool allowed = false;
  for (const fs::path& candidate : candidates) {
    // The part that exists with its links followed, the rest taken literally: says whether an
    // absent path would lie inside, without telling what exists outside.
    std::error_code error;
    const fs::path canonical = fs::weakly_canonical(candidate, error);
    if (error || !inside(canonical)) {
      continue;
    }
    allowed = true;
    if (fs::exists(canonical, error)) {
      return canonical;
    }
  }
  if (allowed) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("'{}': there is no file or folder {}", field, path),
        field,
        "path_not_found");
  }
  std::vector<std::string> names;
  names.reserve(roots_.size());
  for (const fs::path& root : roots_) {
    names.push_back(root.string());
  }
  throw Error(
      ErrorCode::kPermissionDenied,
      fmt::format(
          "'{}': {} lies outside the folders this server may read ({}); start it with "
          "--allow-path to add one",
          field,
          path,
          fmt::join(names, ", ")),
      field,
      "path_not_allowed");
}

fs::path AllowedRoots::resolve_folder(std::string_view path, const std::string& field) const {
  const fs::path folder = resolve(path, field);
  if (!fs::is_directory(folder)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' must be a folder, {} is a file", field, path),
        field);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.is_symlink()) {
      continue;
    }
    std::error_code error;
    const fs::path target = fs::weakly_canonical(entry.path(), error);
    if (error || !inside(target)) {
      throw Error(
          ErrorCode::kPermissionDenied,
          fmt::format(
              "'{}': the link {} in {} leads outside the folders this server may read",
              field,
              entry.path().filename().string(),
              path),
          field,
          "path_not_allowed");
    }
  }
  return folder;
}

}  // namespace hub::artifacts
