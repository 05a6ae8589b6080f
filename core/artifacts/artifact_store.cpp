#include "core/artifacts/artifact_store.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include "core/artifacts/blob_writer.h"
#include "core/artifacts/byte_count.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/system_error.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::string_view kPooling = "1_Pooling/config.json";
constexpr std::string_view kStoredPooling = "1_Pooling_config.json";
constexpr std::string_view kTemporary = ".tmp-";
constexpr std::string_view kOrphan = ".orphan-";
constexpr std::array<std::string_view, 6> kExtensions{
    ".safetensors", ".json", ".jinja", ".txt", ".model", ".md"};

// The folder's usable files in name order. Throws kNotFound when there are none.
std::vector<fs::path> usable_files(const fs::path& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no folder {}", source.string()));
  }
  std::vector<fs::path> files;
  fs::directory_iterator entries(source, error);
  if (error) {
    base::throw_system_error("read", source, error.value());
  }
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_regular_file(error) && is_version_file(entry.path().filename().string())) {
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

std::vector<std::int64_t> sizes_of(const std::vector<fs::path>& files) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(files.size());
  for (const fs::path& file : files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    sizes.push_back(error ? 0 : static_cast<std::int64_t>(size));
  }
  return sizes;
}

void link_file(const fs::path& blob, const fs::path& target) {
  std::error_code error;
  fs::create_hard_link(blob, target, error);
  if (error) {
    base::throw_system_error("link", target, error.value());
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

std::string stored_name(const std::string& path) {
  return path == kPooling ? std::string(kStoredPooling) : path;
}

std::string published_name(const std::string& stored) {
  return stored == kStoredPooling ? std::string(kPooling) : stored;
}

bool is_version_file(std::string_view name) {
  if (name.empty() || name.starts_with('.')) {
    return false;
  }
  if (name.starts_with("LICENSE") || name.starts_with("NOTICE") || name.starts_with("COPYING")) {
    return true;
  }
  return std::any_of(kExtensions.begin(), kExtensions.end(), [&](std::string_view extension) {
    return name.size() > extension.size() && name.ends_with(extension);
  });
}

ArtifactStore::ArtifactStore(fs::path data_folder) : root_(std::move(data_folder)) {
  for (const char* name : {"artifacts", "blobs"}) {
    std::error_code error;
    fs::create_directories(root_ / name, error);
    if (error) {
      base::throw_system_error("create", root_ / name, error.value());
    }
    remove_leftovers(root_ / name);
  }
}

fs::path ArtifactStore::blob(const std::string& sha256) const {
  return root_ / "blobs" / sha256.substr(0, 2) / sha256;
}

fs::path ArtifactStore::temporary_blob() const {
  return root_ / "blobs" / (std::string(kTemporary) + base::new_id());
}

void ArtifactStore::pin(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  ++pins_[sha256];
}

void ArtifactStore::unpin(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  if (const auto found = pins_.find(sha256); found != pins_.end() && --found->second == 0) {
    pins_.erase(found);
  }
}

void ArtifactStore::make_version(
    std::string_view model_id,
    std::string_view version_tag,
    const std::function<void(const fs::path&)>& fill) {
  check_part(model_id);
  check_part(version_tag);
  const fs::path parent = root_ / "artifacts" / model_id;
  const fs::path target = parent / version_tag;
  if (fs::exists(target)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} of model {} has files already", version_tag, model_id));
  }
  const fs::path temporary = parent / (std::string(kTemporary) + base::new_id());
  const auto give_up = [&] {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fs::remove(parent, ignored);  // only when empty
  };
  try {
    fs::create_directories(temporary);
    fill(temporary);
    base::sync_path(temporary);
    // Fails when somebody else was faster: rename replaces no folder that holds files.
    fs::rename(temporary, target);
    base::sync_path(parent);
    base::sync_path(parent.parent_path());
  } catch (const fs::filesystem_error& error) {
    give_up();
    base::throw_system_error("store", target, error.code().value());
  } catch (...) {
    give_up();
    throw;
  }
}

std::vector<StoredFile> ArtifactStore::import_folder(
    const fs::path& source,
    std::string_view model_id,
    std::string_view version_tag,
    const BytesProgress& progress) {
  std::vector<fs::path> sources = usable_files(source);
  if (std::error_code error; fs::is_regular_file(source / kPooling, error)) {
    sources.push_back(source / kPooling);
  }
  const std::vector<std::int64_t> sizes = sizes_of(sources);
  ByteCount count(progress, std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}));
  std::vector<StoredFile> files;
  try {
    make_version(model_id, version_tag, [&](const fs::path& folder) {
      for (std::size_t i = 0; i < sources.size(); ++i) {
        BlobWriter incoming(*this);
        incoming.copy(sources[i], count.next(sizes[i]));
        files.push_back(incoming.keep(stored_name(sources[i].lexically_relative(source).string())));
        link_file(blob(files.back().sha256), folder / files.back().name);
      }
    });
  } catch (...) {
    for (const StoredFile& file : files) {
      remove_if_loose(file.sha256);
    }
    throw;
  }
  return files;
}

void ArtifactStore::link_version(
    const std::vector<StoredFile>& files, std::string_view model_id, std::string_view version_tag) {
  make_version(model_id, version_tag, [&](const fs::path& folder) {
    for (const StoredFile& file : files) {
      check_part(file.name);
      link_file(blob(file.sha256), folder / file.name);
    }
  });
}

std::vector<StoredFile> ArtifactStore::scan_folder(
    const fs::path& source, const BytesProgress& progress) {
  const std::vector<fs::path> sources = usable_files(source);
  const std::vector<std::int64_t> sizes = sizes_of(sources);
  ByteCount count(progress, std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}));
  std::vector<StoredFile> files;
  files.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    files.push_back(take_digest(sources[i], count.next(sizes[i])));
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

std::vector<std::string> ArtifactStore::verify(
    const std::string& folder, std::vector<StoredFile>& files, const ReadProgress& progress) const {
  std::vector<std::string> problems;
  std::int64_t before = 0;
  const ReadProgress counted = [&](std::int64_t bytes) {
    return !progress || progress(before + bytes);
  };
  for (StoredFile& file : files) {
    StoredFile now;
    if (auto problem = read_through(absolute(folder) / file.name, file, now, counted)) {
      problems.push_back(*std::move(problem));
    } else {
      file = std::move(now);
    }
    before += file.size_bytes;
  }
  return problems;
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
    base::throw_system_error("remove", parent / version_tag, error.value());
  }
  fs::remove_all(condemned, error);
  fs::remove(parent, error);  // only when empty
}

std::vector<std::string> ArtifactStore::set_aside(const std::set<std::string>& folders) {
  std::vector<std::string> moved;
  for (const fs::directory_entry& model : fs::directory_iterator(root_ / "artifacts")) {
    if (!model.is_directory()) {
      continue;
    }
    for (const fs::directory_entry& version : fs::directory_iterator(model.path())) {
      const std::string tag = version.path().filename().string();
      std::string folder = relative_folder(model.path().filename().string(), tag);
      if (!version.is_directory() || tag.starts_with('.') || folders.contains(folder)) {
        continue;
      }
      std::error_code error;
      const std::string name = fmt::format("{}{}-{}", kOrphan, tag, base::new_id());
      fs::rename(version.path(), model.path() / name, error);
      if (error) {
        base::throw_system_error("move aside", version.path(), error.value());
      }
      moved.push_back(std::move(folder));
    }
  }
  return moved;
}

std::map<std::string, std::int64_t> ArtifactStore::loose_blobs(
    const std::map<std::string, std::uint64_t>& gone) const {
  std::map<std::string, std::int64_t> loose;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_ / "blobs")) {
    std::error_code error;
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(error) || name.starts_with(kTemporary)) {
      continue;
    }
    const auto links = entry.hard_link_count(error);
    const auto found = gone.find(name);
    if (error || links > 1 + (found == gone.end() ? 0 : found->second)) {
      continue;
    }
    const auto size = entry.file_size(error);
    const std::lock_guard lock(mutex_);
    if (!error && !pins_.contains(name)) {
      loose[name] = static_cast<std::int64_t>(size);
    }
  }
  return loose;
}

bool ArtifactStore::remove_if_loose(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  return !pins_.contains(sha256) && fs::hard_link_count(blob(sha256), error) == 1 && !error &&
         fs::remove(blob(sha256), error);
}

std::int64_t ArtifactStore::collect_garbage() {
  std::int64_t freed_bytes = 0;
  for (const auto& [sha256, size_bytes] : loose_blobs()) {
    freed_bytes += remove_if_loose(sha256) ? size_bytes : 0;
  }
  return freed_bytes;
}

}  // namespace hub::artifacts
