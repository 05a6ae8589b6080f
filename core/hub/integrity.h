#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// Whether versions' files are what was recorded. A version that fails becomes `corrupt` with the
// reason (event version.updated); one that passes a whole verification is `ready` again.
// Thread-safe.
class Integrity {
 public:
  Integrity(registry::ModelRegistry& models, const artifacts::ArtifactStore& artifacts)
      : models_(models), artifacts_(artifacts) {}

  // Before files are loaded. Cheap: a look at each file's size, inode and time; a file whose inode
  // or time is another than recorded is read. Throws kUnprocessable, reason "model_corrupt", naming
  // everything that is wrong; kNotFound for an id that is none.
  void check_before_load(std::string_view version_id);

  struct Report {
    registry::Version version;          // as it is after the verification
    std::vector<std::string> problems;  // none: sound, or pending
    std::int64_t bytes = 0;             // read
  };
  // Reads every byte twice, for the files' SHA-256 and for the digest of the contents, and checks
  // headers and configuration as at registration. A pending version has nothing to verify.
  // `progress` gets the bytes read of bytes_to_read(). Throws kNotFound, kCancelled.
  Report verify(std::string_view version_id, const artifacts::ReadProgress& progress = {});
  static std::int64_t bytes_to_read(const registry::Version& version);

 private:
  void mark(const registry::Version& version, const std::vector<std::string>& problems);
  [[nodiscard]] std::vector<std::string> content_problems(
      const registry::Version& version, const std::filesystem::path& folder);

  registry::ModelRegistry& models_;
  const artifacts::ArtifactStore& artifacts_;
  std::mutex reading_;  // one file of a load check is read at a time: the second finds it checked
};

}  // namespace hub::hub
