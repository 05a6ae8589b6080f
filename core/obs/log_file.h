#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

namespace spdlog::sinks {
template <typename Mutex>
class rotating_file_sink;  // NOLINT(readability-identifier-naming)
}  // namespace spdlog::sinks
namespace spdlog::details {
struct null_mutex;  // NOLINT(readability-identifier-naming)
}  // namespace spdlog::details

namespace hub::obs {

// A log that this process alone writes: <name>.log, which becomes <name>.1.log when it is full, and
// that <name>.2.log, and so on. Each line is in the file when write() returns. Thread-safe.
class LogFile {
 public:
  // Opened by the first write(). `older`: how many full ones are kept.
  LogFile(std::filesystem::path file, std::uint64_t most_bytes, std::size_t older);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // A line without its newline. False when the disk did not take it; a file that cannot be opened
  // is tried again after a while.
  bool write(std::string_view line) noexcept;

 private:
  using Sink = spdlog::sinks::rotating_file_sink<spdlog::details::null_mutex>;
  bool open();

  const std::filesystem::path file_;
  const std::uint64_t most_bytes_;
  const std::size_t older_;
  std::mutex mutex_;
  std::unique_ptr<Sink> sink_;    // guarded by mutex_
  double next_open_seconds_ = 0;  // guarded by mutex_; the monotonic clock
};

}  // namespace hub::obs
