#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "core/hf/snapshot.h"

namespace hub::hf {

// The user's own cache of the Hugging Face tools, only read:
//   models--{org}--{name}/refs/{revision}           the commit
//   models--{org}--{name}/snapshots/{commit}/{name} links into
//   models--{org}--{name}/blobs/{content name}      SHA-256 or git blob id
class Cache {
 public:
  explicit Cache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The blob of a file's content when it is there with the right size; its hash is not checked.
  [[nodiscard]] std::optional<std::filesystem::path> find(
      const std::string& repository, const RemoteFile& file) const;

  // What the cache knows of a repository without asking the Hub; nullopt when it never saw the
  // revision. Files whose link does not name their content are left out.
  [[nodiscard]] std::optional<Snapshot> snapshot(
      const std::string& repository, const std::string& revision) const;

  // Reads a file whole and returns its SHA-256 when it has the content that `file` names; nullopt
  // otherwise, and when `stopping` becomes true meanwhile.
  static std::optional<std::string> verified(
      const std::filesystem::path& path, const RemoteFile& file, const std::atomic<bool>& stopping);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  [[nodiscard]] std::filesystem::path repository_folder(const std::string& repository) const;

  const std::filesystem::path folder_;
};

}  // namespace hub::hf
