#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hub::hub {

// Where logs lie in the data folder: the server's own (obs/log_file.h: server.log, server.1.log, …)
// and engines' (engine-<model>.log, engine-<model>.log.1, …). A job's lie beside its other files.
inline constexpr const char* kLogFolder = "logs";
inline constexpr const char* kServerLog = "server.log";
inline constexpr std::string_view kServerProcess = "server";
std::string engine_log_name(std::string_view base_name);

// How many full files are kept beside the one that is written.
inline constexpr int kOlderLogs = 3;

// Logs that workers write by themselves: the file stays open there, so that a rotation copies and
// then empties it. A line that is written in between may be lost.

// <file> → <file>.1 → … → <file>.<keep>, when it has more than `most_bytes`. Throws kUnavailable
// when the disk refuses; then nothing is lost.
void rotate_log(const std::filesystem::path& file, std::uint64_t most_bytes, int keep);

// Every engine's log in a folder that has more than `most_bytes`.
void rotate_logs(const std::filesystem::path& folder, std::uint64_t most_bytes);

// What routes answer of a log at most.
inline constexpr std::int64_t kMostLogBytes = 4 << 20;

// Records as a person reads them, other lines as they are (obs/log_record.h).
std::string readable(std::string_view lines);

// The last lines of a file, at most `lines` and `most_bytes`, whole lines. "" when there is none.
std::string tail(const std::filesystem::path& file, std::int64_t lines, std::int64_t most_bytes);

}  // namespace hub::hub
