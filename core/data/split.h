#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hub::data {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same
// numbers on every platform, unlike the standard library's distributions.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // Uniform in [0, bound); bound > 0. Rejects the numbers that would favour small results.
  std::uint64_t below(std::uint64_t bound);

 private:
  std::uint64_t state_;
};

// The order in which an epoch (from 0) visits rows 0 … count - 1: Fisher-Yates from the end, with a
// generator seeded by both numbers. Depends on nothing else.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch);

struct Split {
  std::vector<std::size_t> train;  // both ascending, together 0 … count - 1
  std::vector<std::size_t> eval;
};

// Holds out round(count * eval_fraction) rows by chance: at least one row when the fraction is
// above 0 and there are two rows, and never all. Throws kInvalidArgument for a fraction outside [0,
// 1).
Split split_rows(std::size_t count, double eval_fraction, std::uint64_t seed);

}  // namespace hub::data
