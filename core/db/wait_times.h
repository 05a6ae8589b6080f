#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hub::db {

// How long callers waited, in buckets. Thread-safe, without locks.
class WaitTimes {
 public:
  static constexpr std::array<double, 8> kBounds{0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10};
  struct Counts {
    std::array<std::uint64_t, kBounds.size() + 1> by_bucket{};  // the last: longer than all bounds
    double sum_seconds = 0;
    [[nodiscard]] std::uint64_t total() const {
      std::uint64_t sum = 0;
      for (const std::uint64_t count : by_bucket) {
        sum += count;
      }
      return sum;
    }
  };

  void note(double seconds) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds.at(bucket)) {
      ++bucket;
    }
    counts_.at(bucket).fetch_add(1, std::memory_order_relaxed);
    sum_seconds_.fetch_add(seconds, std::memory_order_relaxed);
  }

  [[nodiscard]] Counts counts() const {
    Counts result;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      result.by_bucket.at(i) = counts_.at(i).load(std::memory_order_relaxed);
    }
    result.sum_seconds = sum_seconds_.load(std::memory_order_relaxed);
    return result;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<double> sum_seconds_ = 0;
};

}  // namespace hub::db
