#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hub::base {

// The whole file. Throws kNotFound when it cannot be opened, kInvalidArgument when larger than
// `limit_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes = 256ULL << 20U);

// Replaces the file or leaves it as it was: temporary file beside it, fsync, rename, fsync of the
// folder. A symbolic link is replaced, not followed. The new file has `mode`, whatever the umask;
// without one 0644 less the umask. Throws kUnavailable with the system's reason (disk full,
// permission).
void write_file_atomically(
    const std::filesystem::path& path,
    std::string_view bytes,
    std::optional<std::filesystem::perms> mode = std::nullopt);

// fsync of a file or folder that is there. Throws kUnavailable.
void sync_path(const std::filesystem::path& path);

// Lower-case hexadecimal SHA-256, fed piece by piece. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(const void* bytes, std::size_t count);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  // Ends the digest; call once.
  std::string hex();

 private:
  void* context_;
};

std::string sha256_hex(std::string_view bytes);

// Reads the file in pieces. Throws kNotFound.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace hub::base
