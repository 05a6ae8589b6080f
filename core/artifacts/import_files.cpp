// ArtifactStore's intake of files that are known by their SHA-256 already.
#include <fmt/format.h>
#include <sys/stat.h>

#include "core/artifacts/artifact_store.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

void check_name(const IncomingFile& file) {
  const bool plain = !file.name.empty() && file.name.front() != '.' &&
                     file.name.find('/') == std::string::npos && file.sha256.size() == 64 &&
                     file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!plain) {
    throw Error(
        ErrorCode::kInternal, fmt::format("\"{}\" cannot be stored", file.name.substr(0, 120)));
  }
}

}  // namespace

std::optional<fs::path> ArtifactStore::find_blob(const std::string& sha256) const {
  const fs::path blob = root_ / "blobs" / sha256.substr(0, 2) / sha256;
  std::error_code error;
  return sha256.size() == 64 && fs::is_regular_file(blob, error) ? std::optional(blob)
                                                                 : std::nullopt;
}

// The file that the version's entry is linked to.
fs::path ArtifactStore::place_blob(const IncomingFile& file) {
  if (const auto blob = find_blob(file.sha256);
      blob && static_cast<std::int64_t>(fs::file_size(*blob)) == file.size_bytes) {
    if (file.how == IncomingFile::How::kMove && file.source != *blob) {
      fs::remove(file.source);
    }
    return *blob;
  }
  const fs::path folder = root_ / "blobs" / file.sha256.substr(0, 2);
  const fs::path blob = folder / file.sha256;
  fs::create_directories(folder);
  if (file.how == IncomingFile::How::kMove) {
    // Read-only: a hard link that somebody edits would change every version that shares it.
    ::chmod(file.source.c_str(), 0444);
    base::sync_path(file.source);
    fs::rename(file.source, blob);
    base::sync_path(folder);
    return blob;
  }
  std::error_code error;
  fs::create_hard_link(file.source, blob, error);
  if (!error) {
    base::sync_path(folder);
    return blob;
  }
  return file.source;  // another file system, or one without links: by reference
}

std::vector<StoredFile> ArtifactStore::import_files(
    const std::vector<IncomingFile>& files,
    std::string_view model_id,
    std::string_view version_tag) {
  const fs::path parent = root_ / "artifacts" / model_id;
  const fs::path target = parent / version_tag;
  if (fs::exists(target)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} of model {} has files already", version_tag, model_id));
  }
  const fs::path temporary = parent / (".tmp-" + base::new_id());
  try {
    fs::create_directories(temporary);
    std::vector<StoredFile> stored;
    for (const IncomingFile& file : files) {
      check_name(file);
      const fs::path blob = place_blob(file);
      std::error_code error;
      fs::create_hard_link(blob, temporary / file.name, error);
      if (error) {
        fs::create_symlink(fs::canonical(blob), temporary / file.name);
      }
      stored.push_back({file.name, file.size_bytes, file.sha256});
    }
    base::sync_path(temporary);
    fs::rename(temporary, target);
    base::sync_path(parent);
    base::sync_path(parent.parent_path());
    return stored;
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot store {}: {}", target.string(), error.code().message()),
        {},
        error.code() == std::errc::no_space_on_device ? "disk_full" : "");
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace hub::artifacts
