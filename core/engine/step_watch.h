#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace hub::engine {

// What a step runs, for whoever wonders why it takes so long.
struct StepFacts {
  std::size_t sequences = 0;
  int rows = 0;          // tokens that it computes
  int longest = 0;       // tokens of the longest sequence up to the end of its rows
  std::string requests;  // their ids, the first few
};

// Notices steps that take longer than they should, also one that never ends. Thread-safe.
class StepWatch {
 public:
  // A step of more than `slow_seconds` is slow.
  explicit StepWatch(double slow_seconds) : slow_seconds_(slow_seconds) {}

  // Around each step, by the engine's thread. A slow one is counted and logged (`step_slow`) once.
  void begin(StepFacts facts);
  void end();
  // So is the one that runs; called now and then by another thread.
  void look();

  // Since the running step began; 0: none runs.
  [[nodiscard]] double seconds() const;
  [[nodiscard]] std::uint64_t slow_steps() const;

 private:
  // With mutex_ held.
  void tell_if_slow(double seconds);

  const double slow_seconds_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  StepFacts facts_;
  double begun_ = 0.0;  // base::steady_seconds(); 0: no step runs
  bool told_ = false;
  std::uint64_t slow_steps_ = 0;
};

}  // namespace hub::engine
