#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace hub::engine {

// Where and how much an engine keeps of prefixes on disk.
struct PrefixDiskConfig {
  std::filesystem::path root{};    // PrefixStore::Options
  std::string model_digest{};      // of the weights' version
  std::string computed_by{};       // PrefixTags
  std::uint64_t budget_bytes = 0;  // of all models below the root
  std::size_t least_tokens = 256;  // a shorter prefix is not written
  std::size_t least_saving = 128;  // a file is read when it saves so many tokens at least
  double save_seconds = 2.0;       // for what is in memory when the engine ends
};

struct PrefixDiskStats {
  std::uint64_t bytes = 0;  // of this model's files
  std::uint64_t files = 0;
  std::uint64_t saves = 0;          // files written
  std::uint64_t skipped = 0;        // prefixes that were not: no room, or too much waited
  std::uint64_t loads = 0;          // files read and used
  std::uint64_t loaded_tokens = 0;  // in those, of use to the requests that asked
};

}  // namespace hub::engine
