#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/hf/content_hash.h"
#include "core/hf/snapshot.h"

namespace hub::hf {

// A file while it arrives: its bytes on disk and the hash of them, always in step. One thread.
class PartialFile {
 public:
  // Opens or makes `{folder}/{content name}.part`; what is there is hashed. Throws kUnavailable.
  PartialFile(const std::filesystem::path& folder, const RemoteFile& file);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] bool complete() const { return size_ == file_.size; }

  // Throws kUnavailable "disk_full" or with the system's reason, keeping what was written;
  // kUnprocessable "size_mismatch" when there are more bytes than the file has.
  void append(std::string_view bytes);
  // Back to no bytes.
  void restart();
  // Throws away the file on disk.
  void discard();
  // Checks the hash of the complete file, syncs it and gives it its final name. Returns its
  // SHA-256. Throws kUnprocessable "hash_mismatch"; the bytes are thrown away then.
  std::string finish();

  [[nodiscard]] const std::filesystem::path& final_path() const { return final_; }
  [[nodiscard]] static std::filesystem::path part_path(
      const std::filesystem::path& folder, const RemoteFile& file);

 private:
  void hash_existing();

  const RemoteFile file_;
  const std::filesystem::path path_;
  const std::filesystem::path final_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
  std::unique_ptr<ContentHash> hash_;
};

}  // namespace hub::hf
