#include "core/artifacts/artifact_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::string_view kTemporary = ".tmp-";
constexpr std::array<std::string_view, 6> kExtensions{
    ".safetensors", ".json", ".jinja", ".txt", ".model", ".md"};

[[noreturn]] void fail(std::string_view operation, const fs::path& path, int error_number) {
  throw Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot {} {}: {}", operation, path.string(), std::strerror(error_number)));
}

// Weights and what describes them; never code, never pickles.
bool is_taken(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.starts_with('.')) {
    return false;
  }
  if (name.starts_with("LICENSE") || name.starts_with("NOTICE") || name.starts_with("COPYING")) {
    return true;
  }
  return std::find(kExtensions.begin(), kExtensions.end(), file.extension().string()) !=
         kExtensions.end();
}

// The folder's usable files in name order. Throws kNotFound when there are none.
std::vector<fs::path> usable_files(const fs::path& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no folder {}", source.string()));
  }
  std::vector<fs::path> files;
  fs::directory_iterator entries(source, error);
  if (error) {
    fail("read", source, error.value());
  }
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_regular_file(error) && is_taken(entry.path())) {
      files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("{} holds no model files (*.safetensors, *.json, …)", source.string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Copies into `target`, which must not exist, and syncs it. Returns the copy's SHA-256 and size.
StoredFile copy_and_digest(const fs::path& source, const fs::path& target) {
  std::ifstream in(source, std::ios::binary);
  if (!in) {
    throw Error(ErrorCode::kNotFound, fmt::format("cannot read {}", source.string()));
  }
  std::ofstream out(target, std::ios::binary | std::ios::trunc);
  base::Sha256 digest;
  StoredFile file;
  file.name = source.filename().string();
  std::string piece(1U << 20U, '\0');
  while (in && out) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const std::streamsize count = in.gcount();
    digest.update(piece.data(), static_cast<std::size_t>(count));
    out.write(piece.data(), count);
    file.size_bytes += count;
  }
  errno = 0;
  out.close();
  if (!out || in.bad()) {
    fail("write", target, errno == 0 ? ENOSPC : errno);
  }
  file.sha256 = digest.hex();
  base::sync_path(target);
  return file;
}

void link_file(const fs::path& blob, const fs::path& target) {
  std::error_code error;
  fs::create_hard_link(blob, target, error);
  if (error) {
    fail("link", target, error.value());
  }
}

void check_part(std::string_view part) {
  if (part.empty() || part == "." || part == ".." || part.find('/') != std::string_view::npos ||
      part.find('\0') != std::string_view::npos) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("\"{}\" is no plain file name", part.substr(0, 120)));
  }
}

void remove_leftovers(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  for (auto entry = fs::recursive_directory_iterator(folder);
       entry != fs::recursive_directory_iterator();
       ++entry) {
    if (entry->path().filename().string().starts_with(kTemporary)) {
      leftovers.push_back(entry->path());
      entry.disable_recursion_pending();
    }
  }
  for (const fs::path& path : leftovers) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

}  // namespace

ArtifactStore::ArtifactStore(fs::path data_folder) : root_(std::move(data_folder)) {
  for (const char* name : {"artifacts", "blobs"}) {
    std::error_code error;
    fs::create_directories(root_ / name, error);
    if (error) {
      fail("create", root_ / name, error.value());
    }
    remove_leftovers(root_ / name);
  }
}

fs::path ArtifactStore::store_blob(const fs::path& source, StoredFile& file) {
  const fs::path temporary = root_ / "blobs" / (std::string(kTemporary) + base::new_id());
  try {
    file = copy_and_digest(source, temporary);
    const fs::path folder = root_ / "blobs" / file.sha256.substr(0, 2);
    fs::create_directories(folder);
    const fs::path blob = folder / file.sha256;
    // Read-only: a hard link that somebody edits would change every version that shares it.
    ::chmod(temporary.c_str(), 0444);
    if (fs::exists(blob)) {
      fs::remove(temporary);
    } else {
      fs::rename(temporary, blob);
      base::sync_path(folder);
    }
    return blob;
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    fail("store", source, error.code().value());
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

std::vector<StoredFile> ArtifactStore::import_folder(
    const fs::path& source, std::string_view model_id, std::string_view version_tag) {
  check_part(model_id);
  check_part(version_tag);
  const std::vector<fs::path> sources = usable_files(source);
  const fs::path parent = root_ / "artifacts" / model_id;
  const fs::path target = parent / version_tag;
  if (fs::exists(target)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} of model {} has files already", version_tag, model_id));
  }
  const fs::path temporary = parent / (std::string(kTemporary) + base::new_id());
  try {
    fs::create_directories(temporary);
    std::vector<StoredFile> files;
    for (const fs::path& path : sources) {
      StoredFile file;
      const fs::path blob = store_blob(path, file);
      link_file(blob, temporary / file.name);
      files.push_back(std::move(file));
    }
    base::sync_path(temporary);
    // Fails when somebody else was faster: rename replaces no folder that holds files.
    fs::rename(temporary, target);
    base::sync_path(parent);
    base::sync_path(parent.parent_path());
    return files;
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail("store", target, error.code().value());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

std::vector<StoredFile> ArtifactStore::scan_folder(const fs::path& source) {
  std::vector<StoredFile> files;
  for (const fs::path& path : usable_files(source)) {
    files.push_back(
        {path.filename().string(),
         static_cast<std::int64_t>(fs::file_size(path)),
         base::sha256_file(path)});
  }
  return files;
}

std::string ArtifactStore::relative_folder(
    std::string_view model_id, std::string_view version_tag) {
  return fmt::format("artifacts/{}/{}", model_id, version_tag);
}

fs::path ArtifactStore::absolute(const std::string& folder) const {
  return root_ / folder;  // an absolute `folder` replaces the root
}

fs::path ArtifactStore::open(const std::string& folder, std::string_view name) const {
  check_part(name);
  const fs::path path = absolute(folder) / name;
  if (folder.empty() || !fs::is_regular_file(path)) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no file \"{}\" here", name));
  }
  return path;
}

std::optional<std::string> ArtifactStore::verify(
    const std::string& folder, const std::vector<StoredFile>& recorded) const {
  for (const StoredFile& file : recorded) {
    const fs::path path = absolute(folder) / file.name;
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) {
      return fmt::format("{} is missing", file.name);
    }
    if (static_cast<std::int64_t>(size) != file.size_bytes) {
      return fmt::format("{} has {} bytes, recorded were {}", file.name, size, file.size_bytes);
    }
    const std::string sha256 = base::sha256_file(path);
    if (sha256 != file.sha256) {
      return fmt::format("{} has SHA-256 {}, recorded was {}", file.name, sha256, file.sha256);
    }
  }
  return std::nullopt;
}

void ArtifactStore::remove(std::string_view model_id, std::string_view version_tag) {
  check_part(model_id);
  check_part(version_tag);
  const fs::path parent = root_ / "artifacts" / model_id;
  std::error_code error;
  // Out of sight in one step, so that a crash leaves no half a version.
  const fs::path condemned = parent / (std::string(kTemporary) + base::new_id());
  fs::rename(parent / version_tag, condemned, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) {
      return;
    }
    fail("remove", parent / version_tag, error.value());
  }
  fs::remove_all(condemned, error);
  fs::remove(parent, error);  // only when empty
}

std::vector<std::string> ArtifactStore::keep_only(const std::set<std::string>& folders) {
  std::vector<std::string> removed;
  for (const fs::directory_entry& model : fs::directory_iterator(root_ / "artifacts")) {
    if (!model.is_directory()) {
      continue;
    }
    for (const fs::directory_entry& version : fs::directory_iterator(model.path())) {
      const std::string model_id = model.path().filename().string();
      const std::string tag = version.path().filename().string();
      std::string folder = relative_folder(model_id, tag);
      if (version.is_directory() && !folders.contains(folder)) {
        remove(model_id, tag);
        removed.push_back(std::move(folder));
      }
    }
  }
  return removed;
}

std::int64_t ArtifactStore::collect_garbage() {
  std::int64_t freed_bytes = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_ / "blobs")) {
    std::error_code error;
    if (!entry.is_regular_file(error) || entry.hard_link_count(error) != 1 ||
        entry.path().filename().string().starts_with(kTemporary)) {
      continue;
    }
    const auto size = entry.file_size(error);
    if (!error && fs::remove(entry.path(), error)) {
      freed_bytes += static_cast<std::int64_t>(size);
    }
  }
  return freed_bytes;
}

}  // namespace hub::artifacts
