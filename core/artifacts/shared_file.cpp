#include "core/artifacts/shared_file.h"

#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 10;  // somebody else may make or remove the blob between two steps

fs::path blob_of(const fs::path& data_folder, const std::string& sha256) {
  return data_folder / "blobs" / sha256.substr(0, 2) / sha256;
}

// True when `file` is a link to the blob afterwards.
bool link_to(const fs::path& blob, const fs::path& file) {
  const fs::path temporary = file.parent_path() / (".tmp-" + base::new_id());
  std::error_code error;
  fs::create_hard_link(blob, temporary, error);
  if (error) {
    return false;
  }
  fs::rename(temporary, file, error);
  std::error_code ignored;
  fs::remove(temporary, ignored);  // rename does nothing when both are the same file already
  return !error;
}

}  // namespace

void share_by_digest(const fs::path& data_folder, const fs::path& file, const std::string& sha256) {
  const fs::path blob = blob_of(data_folder, sha256);
  std::error_code error;
  fs::create_directories(blob.parent_path(), error);
  ::chmod(file.c_str(), 0444);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (link_to(blob, file)) {
      base::sync_path(file.parent_path());
      return;
    }
    fs::create_hard_link(file, blob, error);
    if (!error) {
      base::sync_path(blob.parent_path());
      return;
    }
    if (error != std::errc::file_exists) {
      break;
    }
  }
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format("cannot store {}: {}", file.string(), error.message()));
}

void remove_shared(const fs::path& data_folder, const fs::path& file, const std::string& sha256) {
  std::error_code error;
  fs::remove(file, error);
  const fs::path blob = blob_of(data_folder, sha256);
  if (!error && fs::hard_link_count(blob, error) == 1 && !error) {
    fs::remove(blob, error);
  }
}

}  // namespace hub::artifacts
