#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/obs/log_record.h"

namespace hub::hub {

// Which records are wanted; what is empty filters nothing.
struct LogFilter {
  obs::log::Level level = obs::log::Level::kDebug;  // this one and worse
  std::string event{};
  std::string without{};  // an event that is left out
  std::string process{};  // "server", "engine <model>", "job <id>"
  std::string request_id{};
  std::string job_id{};
  std::string trace_id{};
  std::string text{};                      // somewhere in the line
  std::optional<std::int64_t> since_ms{};  // Unix time, inclusive
  std::optional<std::int64_t> until_ms{};
};

// A file of logs in the data folder.
struct LogSource {
  std::filesystem::path file;
  std::string process;  // whose it is, for lines that do not say so
  std::string job_id;   // "": of no job
  std::uint64_t size = 0;
  std::int64_t modified_ms = 0;  // nothing in it is later
  std::uint64_t inode = 0;
  bool older = false;  // full: nothing is written to it any more
};

// The files that can hold what is wanted: the server's, engines' and jobs', full ones, too. Folders
// that cannot be read hold none.
std::vector<LogSource> log_sources(
    const std::filesystem::path& data_folder, const LogFilter& filter);

// Where what a file held is when it became full and was begun anew.
std::filesystem::path older_file(const std::filesystem::path& file);

// A line of a log file. What our processes wrote begins with time and level; anything else (an
// abort message of a library, the rest of a line that a crash cut) is told as a warning of its
// source.
class LogLine {
 public:
  // `time_ms`: of a line that does not tell its own.
  LogLine(std::string_view text, std::int64_t time_ms);

  [[nodiscard]] std::int64_t time_ms() const { return time_ms_; }
  // The record as an object with "time", "level", "event", "process" and its fields where it is
  // wanted. Times are not looked at.
  [[nodiscard]] std::optional<base::Json> wanted(
      const LogFilter& filter, const LogSource& source) const;

 private:
  std::string_view text_;
  std::int64_t time_ms_;
  obs::log::Level level_ = obs::log::Level::kWarning;
  bool ours_ = false;
};

}  // namespace hub::hub
