#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include <fmt/format.h>

// How bench_kernels.cpp times two ways to compute something and prints it.
namespace hub::kernels {

using Clock = std::chrono::steady_clock;
using Run = std::function<void()>;

inline double seconds(const Run& run) {
  const auto start = Clock::now();
  run();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The best of as many runs as fit about `budget` seconds (at least two).
inline double best(const Run& run, double budget) {
  double shortest = seconds(run);
  double spent = shortest;
  for (int i = 0; i < 1 || (spent < budget && i < 1000); ++i) {
    const double now = seconds(run);
    spent += now;
    shortest = std::min(shortest, now);
  }
  return shortest;
}

class Report {
 public:
  Report(double budget, bool stock) : budget_(budget), stock_(stock) {}

  // `work`: floating-point operations or bytes of one run; `unit`: GFLOP/s or GB/s.
  void add(
      const std::string& name, double work, const char* unit, const Run& ours, const Run& stock) {
    const double own = best(ours, budget_);
    print(name, work, unit, own, stock_ ? best(stock, budget_ / 4) : 0.0);
  }

  // The same, with both in turn, so that what else the machine does meets both.
  void in_turn(
      const std::string& name, double work, const char* unit, const Run& ours, const Run& other) {
    double left = seconds(ours);
    double right = seconds(other);
    for (double spent = left + right; spent < 2 * budget_;) {
      const double first = seconds(ours);
      const double second = seconds(other);
      spent += first + second;
      left = std::min(left, first);
      right = std::min(right, second);
    }
    print(name, work, unit, left, right);
  }

 private:
  static void print(
      const std::string& name, double work, const char* unit, double own, double other) {
    fmt::print(
        "{{\"name\": \"{}\", \"unit\": \"{}\", \"ours_ms\": {:.4f}, \"stock_ms\": {:.4f}, "
        "\"ours_rate\": {:.2f}, \"stock_rate\": {:.2f}}}\n",
        name,
        unit,
        own * 1e3,
        other * 1e3,
        work / own / 1e9,
        other > 0 ? work / other / 1e9 : 0.0);
    std::fflush(stdout);
  }

  double budget_;
  bool stock_;
};

}  // namespace hub::kernels
