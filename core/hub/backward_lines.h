#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace hub::hub {

// The lines of a file from its end to its beginning, without their newlines. One thread.
class BackwardLines {
 public:
  // From the last line break within the first `size` bytes; what stands behind it is still being
  // written. Every byte that is read is added to `bytes_read`, which outlives this. A file that
  // cannot be opened has no lines.
  BackwardLines(const std::filesystem::path& file, std::uint64_t size, std::uint64_t& bytes_read);
  ~BackwardLines();
  BackwardLines(const BackwardLines&) = delete;
  BackwardLines& operator=(const BackwardLines&) = delete;

  // Goes on before a line that is later than `time_ms`, provided that lines are in the order of
  // their times: a second more or less does not matter. To be called first.
  void skip_later_than(std::int64_t time_ms);

  // Of a line beyond 64 KiB at least so much of its beginning, at most twice that. nullopt: there
  // is none before.
  std::optional<std::string> next();

 private:
  std::string read(std::uint64_t offset, std::size_t bytes);
  struct Found {
    std::uint64_t offset;
    std::int64_t time_ms;
  };
  std::optional<Found> first_line_after(std::uint64_t offset, bool at_line_start);

  int descriptor_ = -1;
  std::uint64_t& bytes_read_;
  std::uint64_t begin_;  // of buffer_ in the file; what is before was not read
  std::string buffer_;   // whole lines, without the last newline, but for its beginning
  bool cut_tail_ = true;
};

}  // namespace hub::hub
