#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hub::hub {

// When a process started, in units of the operating system; nullopt when there is no such process.
// Pid and start time together name a process for good, since pids are used again.
std::optional<std::uint64_t> process_start_time(pid_t pid);

// The file of this process's program, links followed; "" where the system does not tell.
std::filesystem::path own_executable();

// Kills the process with that pid and start time (as text; what process_start_time() told then) and
// waits up to five seconds until it is gone. Nothing happens when it is gone already or the pid is
// another process's by now.
void end_process(pid_t pid, const std::string& start_time);

// Bytes of a process's resident set; 0 when unknown.
std::uint64_t resident_bytes(pid_t pid);

// The machine's memory in bytes (a container's limit when that is smaller).
std::uint64_t machine_memory_bytes();

// Memory that could be given to a new process now, in bytes.
std::uint64_t available_memory_bytes();

}  // namespace hub::hub
