#include "core/hf/partial_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/system_error.h"

namespace hub::hf {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

}  // namespace

fs::path PartialFile::part_path(const fs::path& folder, const RemoteFile& file) {
  return folder / (file.content_name() + ".part");
}

PartialFile::PartialFile(const fs::path& folder, const RemoteFile& file)
    : file_(file), path_(part_path(folder, file)), final_(folder / file.content_name()) {
  // A complete file of an earlier attempt is looked at again: it may have been touched since.
  std::error_code ignored;
  if (fs::exists(final_, ignored)) {
    fs::rename(final_, path_, ignored);
  }
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    base::throw_system_error("open", path_, errno);
  }
  hash_ = std::make_unique<ContentHash>(file_.size, file_.sha256.empty());
  hash_existing();
}

PartialFile::~PartialFile() {
  ::close(descriptor_);
}

void PartialFile::hash_existing() {
  std::string piece(1U << 20U, '\0');
  while (true) {
    const ssize_t count = ::read(descriptor_, piece.data(), piece.size());
    if (count < 0) {
      base::throw_system_error("read", path_, errno);
    }
    if (count == 0) {
      break;
    }
    hash_->update(piece.data(), static_cast<std::size_t>(count));
    size_ += count;
  }
  if (size_ > file_.size) {
    restart();
  }
}

void PartialFile::append(std::string_view bytes) {
  if (size_ + static_cast<std::int64_t>(bytes.size()) > file_.size) {
    discard();
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{}: the Hub lists {} bytes, but more arrived", file_.name, file_.size),
        {},
        "size_mismatch");
  }
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) {
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format(
              "the disk is full: {} of {} bytes of {} are here and kept. Free {} bytes and pull "
              "again; it goes on where it stopped",
              size_,
              file_.size,
              file_.name,
              file_.size - size_),
          {},
          "disk_full");
    }
    if (count < 0) {
      base::throw_system_error("write", path_, errno);
    }
    hash_->update(bytes.data(), static_cast<std::size_t>(count));
    size_ += count;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void PartialFile::restart() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) {
    base::throw_system_error("truncate", path_, errno);
  }
  size_ = 0;
  hash_ = std::make_unique<ContentHash>(file_.size, file_.sha256.empty());
}

void PartialFile::discard() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

std::string PartialFile::finish() {
  const ContentHash::Digests digests = hash_->finish();
  const bool is_lfs = !file_.sha256.empty();
  const std::string& wanted = file_.content_name();
  const std::string& got = is_lfs ? digests.sha256 : digests.git_oid;
  if (got != wanted) {
    discard();
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the {} of the bytes that arrived is {}, the Hub says {}; they were thrown away",
            file_.name,
            is_lfs ? "SHA-256" : "git blob id",
            got,
            wanted),
        {},
        "hash_mismatch");
  }
  if (::fsync(descriptor_) != 0) {
    base::throw_system_error("sync", path_, errno);
  }
  std::error_code error;
  fs::rename(path_, final_, error);
  if (error) {
    base::throw_system_error("rename", path_, error.value());
  }
  return digests.sha256;
}

}  // namespace hub::hf
