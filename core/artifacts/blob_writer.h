#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/artifacts/stored_file.h"
#include "core/base/file.h"

namespace hub::artifacts {

class ArtifactStore;

// A file on its way into the store: bytes go to a temporary name while their SHA-256 is taken;
// keep() makes them a blob. Until this is destroyed no garbage collection takes that blob, so that
// it can be linked into a version's folder. Not kept: removed. One thread.
class BlobWriter {
 public:
  // Throws kUnavailable (disk full, not writable), as all functions do.
  explicit BlobWriter(ArtifactStore& store);
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  void write(std::string_view bytes);
  [[nodiscard]] std::int64_t size_bytes() const { return size_bytes_; }
  // The whole of another file. Throws kNotFound when it cannot be read, kCancelled when `progress`
  // says so.
  void copy(const std::filesystem::path& source, const ReadProgress& progress = {});

  // Syncs and names the blob; call once, last. A blob of that name that is there already is read
  // again first, and replaced when its bytes are not what its name says.
  StoredFile keep(const std::string& name);

 private:
  ArtifactStore& store_;
  const std::filesystem::path temporary_;
  int descriptor_;
  base::Sha256 digest_;
  std::int64_t size_bytes_ = 0;
  std::string kept_;  // the SHA-256, once kept
};

}  // namespace hub::artifacts
