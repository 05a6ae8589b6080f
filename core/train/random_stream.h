#pragma once

#include <cstdint>

namespace hub::train {

// Streams of chance from the one seed of a job, besides the order of rows.
inline constexpr std::uint64_t kBatchStream = 0x6261746368ULL;        // "batch"
inline constexpr std::uint64_t kDropoutStream = 0x64726f706f7574ULL;  // "dropout"

// The seed of the stream's draw number `index`.
inline std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return (seed * 0x9e3779b97f4a7c15ULL) ^ (stream + (index * 0xbf58476d1ce4e5b9ULL));
}

}  // namespace hub::train
