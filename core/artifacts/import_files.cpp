// ArtifactStore's intake of files that are known by their SHA-256 already.
#include <fmt/format.h>
#include <sys/stat.h>

#include "core/artifacts/artifact_store.h"
#include "core/artifacts/byte_count.h"
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

// A blob that is about to be linked is no garbage.
class ArtifactStore::Pin {
 public:
  Pin(ArtifactStore& store, const std::string& sha256) : store_(store), sha256_(sha256) {
    store_.pin(sha256_);
  }
  ~Pin() { store_.unpin(sha256_); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

 private:
  ArtifactStore& store_;
  const std::string& sha256_;
};

std::optional<fs::path> ArtifactStore::find_blob(const std::string& sha256) const {
  const fs::path found = blob(sha256);
  std::error_code error;
  return sha256.size() == 64 && fs::is_regular_file(found, error) ? std::optional(found)
                                                                  : std::nullopt;
}

// The file that the version's entry is linked to.
fs::path ArtifactStore::place_blob(const IncomingFile& file, const ReadProgress& progress) {
  // One that was damaged meanwhile is not shared, but replaced.
  if (const auto there = find_blob(file.sha256);
      there && (file.source == *there || take_digest(*there, progress).sha256 == file.sha256)) {
    if (file.how == IncomingFile::How::kMove && file.source != *there) {
      fs::remove(file.source);
    }
    return *there;
  } else if (there) {
    fs::remove(*there);
  }
  const fs::path place = blob(file.sha256);
  const fs::path folder = place.parent_path();
  fs::create_directories(folder);
  if (file.how == IncomingFile::How::kMove) {
    // Read-only: a hard link that somebody edits would change every version that shares it.
    ::chmod(file.source.c_str(), 0444);
    base::sync_path(file.source);
    fs::rename(file.source, place);
    base::sync_path(folder);
    return place;
  }
  std::error_code error;
  fs::create_hard_link(file.source, place, error);
  if (!error) {
    base::sync_path(folder);
    return place;
  }
  return file.source;  // another file system, or one without links: by reference
}

std::vector<IncomingFile> ArtifactStore::files_to_move(
    const fs::path& source, const BytesProgress& progress) {
  std::vector<IncomingFile> files;
  for (const StoredFile& made : scan_folder(source, progress)) {
    files.push_back(
        {.name = made.name,
         .source = source / made.name,
         .size_bytes = made.size_bytes,
         .sha256 = made.sha256});
  }
  return files;
}

std::vector<StoredFile> ArtifactStore::import_files(
    const std::vector<IncomingFile>& files,
    std::string_view model_id,
    std::string_view version_tag,
    const BytesProgress& progress) {
  const fs::path parent = root_ / "artifacts" / model_id;
  const fs::path target = parent / version_tag;
  if (fs::exists(target)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} of model {} has files already", version_tag, model_id));
  }
  const fs::path temporary = parent / (".tmp-" + base::new_id());
  std::int64_t total_bytes = 0;
  for (const IncomingFile& file : files) {
    total_bytes += file.size_bytes;
  }
  ByteCount count(progress, total_bytes);
  try {
    fs::create_directories(temporary);
    std::vector<StoredFile> stored;
    for (const IncomingFile& file : files) {
      check_name(file);
      const Pin pin(*this, file.sha256);
      const ReadProgress of_file = count.next(file.size_bytes);
      const fs::path placed = place_blob(file, of_file);
      if (!of_file(file.size_bytes)) {
        throw Error(ErrorCode::kCancelled, fmt::format("storing {} was stopped", file.name));
      }
      std::error_code error;
      fs::create_hard_link(placed, temporary / file.name, error);
      if (error) {
        fs::create_symlink(fs::canonical(placed), temporary / file.name);
      }
      stored.push_back(
          stamped(temporary / file.name, {file.name, file.size_bytes, file.sha256, 0, 0}));
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
