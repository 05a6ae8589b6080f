#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/hub/log_source.h"

namespace hub::hub {

// New records as they are written. One thread.
class LogFollower {
 public:
  // From now on: what sources() hold is not told.
  LogFollower(std::filesystem::path data_folder, LogFilter filter);

  // The files as they were at the beginning, for a search of what came before.
  [[nodiscard]] const std::vector<LogSource>& sources() const { return sources_; }

  // What was written since the last call, in the order of times; of a file that grew by more than a
  // mebibyte the rest comes with the next call.
  std::vector<base::Json> poll();

 private:
  struct Place {
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;  // of the first byte that was not told
  };
  using Found = std::vector<std::pair<std::int64_t, base::Json>>;
  void read(const LogSource& source, Place& place, Found& found) const;
  // Tells the lines from `offset` on; returns how many bytes they have.
  std::uint64_t read_lines(
      const LogSource& source,
      const std::filesystem::path& file,
      std::uint64_t offset,
      Found& found) const;

  const std::filesystem::path data_folder_;
  LogFilter filter_;
  std::vector<LogSource> sources_;
  std::map<std::filesystem::path, Place> places_;
};

}  // namespace hub::hub
