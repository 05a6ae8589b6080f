#include "core/artifacts/stored_file.h"

#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::artifacts {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kPiece = 1U << 20U;

// Size, inode and time; nullopt when there is no regular file.
std::optional<StoredFile> look(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
#ifdef __APPLE__
  const timespec changed = status.st_mtimespec;
#else
  const timespec changed = status.st_mtim;
#endif
  StoredFile file;
  file.name = path.filename().string();
  file.size_bytes = status.st_size;
  file.inode = static_cast<std::int64_t>(status.st_ino);
  file.mtime_ns = std::int64_t{changed.tv_sec} * 1'000'000'000 + changed.tv_nsec;
  return file;
}

}  // namespace

StoredFile take_digest(const std::filesystem::path& path, const ReadProgress& progress) {
  // Looked at before it is read: what changes meanwhile looks different afterwards.
  auto file = look(path);
  std::ifstream stream(path, std::ios::binary);
  if (!file || !stream) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("cannot read {}: no such regular file", path.string()));
  }
  base::Sha256 digest;
  std::string piece(kPiece, '\0');
  std::int64_t bytes = 0;
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update(piece.data(), static_cast<std::size_t>(stream.gcount()));
    bytes += stream.gcount();
    if (progress && !progress(bytes)) {
      throw Error(ErrorCode::kCancelled, fmt::format("reading {} was stopped", path.string()));
    }
  }
  if (stream.bad()) {
    throw Error(
        ErrorCode::kUnavailable, fmt::format("reading {} failed: input error", path.string()));
  }
  file->size_bytes = bytes;
  file->sha256 = digest.hex();
  return *file;
}

StoredFile stamped(const std::filesystem::path& path, StoredFile file) {
  if (const auto now = look(path)) {
    file.inode = now->inode;
    file.mtime_ns = now->mtime_ns;
  }
  return file;
}

GlanceResult glance_at(const std::filesystem::path& path, const StoredFile& recorded) {
  const auto now = look(path);
  if (!now) {
    return {Glance::kWrong, fmt::format("{} is missing", recorded.name)};
  }
  if (now->size_bytes != recorded.size_bytes) {
    return {
        Glance::kWrong,
        fmt::format(
            "{} has {} bytes, recorded were {}",
            recorded.name,
            now->size_bytes,
            recorded.size_bytes)};
  }
  const bool same =
      recorded.inode != 0 && now->inode == recorded.inode && now->mtime_ns == recorded.mtime_ns;
  return {same ? Glance::kUnchanged : Glance::kUncertain};
}

std::optional<std::string> read_through(
    const std::filesystem::path& path,
    const StoredFile& recorded,
    StoredFile& now,
    const ReadProgress& progress) {
  if (auto look_first = glance_at(path, recorded); look_first.glance == Glance::kWrong) {
    return std::move(look_first.problem);
  }
  try {
    now = take_digest(path, progress);
    now.name = recorded.name;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) {
      throw;
    }
    return fmt::format("{} cannot be read: {}", recorded.name, error.what());
  }
  if (now.sha256 != recorded.sha256) {
    return fmt::format(
        "{} has SHA-256 {}, recorded was {}", recorded.name, now.sha256, recorded.sha256);
  }
  return std::nullopt;
}

}  // namespace hub::artifacts
