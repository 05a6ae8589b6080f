#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace hub::hub {

// Logs that workers write by themselves: the file stays open there, so that a rotation copies and
// then empties it. A line that is written in between may be lost.

// <file> → <file>.1 → … → <file>.<keep>, when it has more than `most_bytes`. Throws kUnavailable
// when the disk refuses; then nothing is lost.
void rotate_log(const std::filesystem::path& file, std::uint64_t most_bytes, int keep);

// Every *.log of a folder, at 10 MB, three older ones each.
void rotate_logs(const std::filesystem::path& folder);

// What routes answer of a log at most.
inline constexpr std::int64_t kMostLogBytes = 4 << 20;

// The last lines of a file, at most `lines` and `most_bytes`, whole lines. "" when there is none.
std::string tail(const std::filesystem::path& file, std::int64_t lines, std::int64_t most_bytes);

}  // namespace hub::hub
