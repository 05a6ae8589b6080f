#include "core/artifacts/blob_writer.h"

#include <cerrno>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/artifacts/artifact_store.h"
#include "core/base/error.h"
#include "core/base/system_error.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

// True when the blob's bytes are what its name says.
bool is_sound(const fs::path& blob, std::int64_t size_bytes) {
  std::error_code error;
  return fs::is_regular_file(blob, error) &&
         static_cast<std::int64_t>(fs::file_size(blob, error)) == size_bytes &&
         base::sha256_file(blob) == blob.filename().string();
}

}  // namespace

BlobWriter::BlobWriter(ArtifactStore& store)
    : store_(store),
      temporary_(store.temporary_blob()),
      descriptor_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) {
    base::throw_system_error("create", temporary_, errno);
  }
}

BlobWriter::~BlobWriter() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  ::unlink(temporary_.c_str());
  if (!kept_.empty()) {
    store_.unpin(kept_);
  }
}

void BlobWriter::write(std::string_view bytes) {
  digest_.update(bytes);
  size_bytes_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      base::throw_system_error("write", temporary_, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
}

void BlobWriter::copy(const fs::path& source, const ReadProgress& progress) {
  std::ifstream in(source, std::ios::binary);
  if (!in) {
    throw Error(ErrorCode::kNotFound, fmt::format("cannot read {}", source.string()));
  }
  std::string piece(1U << 20U, '\0');
  std::int64_t bytes = 0;
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    write(std::string_view(piece.data(), static_cast<std::size_t>(in.gcount())));
    bytes += in.gcount();
    if (progress && !progress(bytes)) {
      throw Error(ErrorCode::kCancelled, fmt::format("copying {} was stopped", source.string()));
    }
  }
  if (in.bad()) {
    base::throw_system_error("read", source, EIO);
  }
}

StoredFile BlobWriter::keep(const std::string& name) {
  StoredFile file;
  file.name = name;
  file.size_bytes = size_bytes_;
  file.sha256 = digest_.hex();
  // Read-only: a hard link that somebody edits would change every version that shares it.
  if (::fsync(descriptor_) != 0 || ::fchmod(descriptor_, 0444) != 0) {
    base::throw_system_error("write", temporary_, errno);
  }
  ::close(descriptor_);
  descriptor_ = -1;
  const fs::path blob = store_.blob(file.sha256);
  std::error_code error;
  fs::create_directories(blob.parent_path(), error);
  if (error) {
    base::throw_system_error("create", blob.parent_path(), error.value());
  }
  store_.pin(file.sha256);
  kept_ = file.sha256;
  if (!is_sound(blob, file.size_bytes)) {
    fs::rename(temporary_, blob, error);
    if (error) {
      base::throw_system_error("store", blob, error.value());
    }
    base::sync_path(blob.parent_path());
  }
  return stamped(blob, std::move(file));
}

}  // namespace hub::artifacts
