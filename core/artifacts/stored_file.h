#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace hub::artifacts {

// A file of a version as it was when its SHA-256 was taken.
struct StoredFile {
  std::string name;
  std::int64_t size_bytes = 0;
  std::string sha256;
  // Which file it was and when it was last written, as the system says; 0: not known. As long as
  // both are the same, so are the bytes, unless somebody set the time back.
  std::int64_t inode = 0;
  std::int64_t mtime_ns = 0;
};

// Bytes read so far; returns false to stop.
using ReadProgress = std::function<bool(std::int64_t bytes)>;
// Bytes done so far, which only grow to as many as there are in all; returns false to stop.
using BytesProgress = std::function<bool(std::int64_t done_bytes, std::int64_t total_bytes)>;

// Reads the file. Links are followed. Throws kNotFound, kCancelled when `progress` says so.
StoredFile take_digest(const std::filesystem::path& path, const ReadProgress& progress = {});

// `file` with the inode and time of the file at `path`; unchanged when there is none.
StoredFile stamped(const std::filesystem::path& path, StoredFile file);

// What a look at the file without reading it says.
enum class Glance : std::uint8_t {
  kUnchanged,  // size, inode and time are as recorded
  kUncertain,  // the size is, the rest is not, or was not recorded: only reading it tells
  kWrong,
};
struct GlanceResult {
  Glance glance = Glance::kWrong;
  std::string problem{};  // of kWrong: "config.json is missing"
};
GlanceResult glance_at(const std::filesystem::path& path, const StoredFile& recorded);

// Reads the file and compares: the difference in words, or nullopt, with `now` set to how it looks.
std::optional<std::string> read_through(
    const std::filesystem::path& path,
    const StoredFile& recorded,
    StoredFile& now,
    const ReadProgress& progress = {});

}  // namespace hub::artifacts
