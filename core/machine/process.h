#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace hub::machine {

// A process of this user. What the system does not tell is empty.
struct ProcessReading {
  std::optional<double> cpu_seconds;  // user and system, of all its threads since its start
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> most_descriptors;  // the limit; of this process only
  std::optional<double> start_time_seconds;       // Unix time
};

// Empty when there is no such process.
ProcessReading read_process(pid_t pid);

}  // namespace hub::machine
