#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/obs/log_record.h"

namespace hub::hub {

// What the workers of one job tell in events, as JSON lines (obs/log_record.h) in the files that
// their standard error goes to as well: one for each rank. A disk that takes nothing stops no job.
// The functions of one rank are called by one thread.
class JobLog {
 public:
  // `most_bytes`: of a file; three older ones are kept.
  JobLog(
      std::string job_id,
      const std::filesystem::path& log_file,
      std::size_t ranks,
      std::uint64_t most_bytes = 10'000'000);

  // `data`: an object, whose members become the record's fields. Levels below the process's are
  // left out.
  void write(int rank, obs::log::Level level, std::string_view event, const base::Json& data);
  // An event of the worker, by its type. What it generated as a sample is told from debug up only.
  void event(int rank, const std::string& type, const base::Json& data);

 private:
  struct File {
    std::filesystem::path path;
    std::ofstream stream;
  };

  const std::string job_id_;
  const std::uint64_t most_bytes_;
  std::vector<File> files_;  // of each rank
};

}  // namespace hub::hub
