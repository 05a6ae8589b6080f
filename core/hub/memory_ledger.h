#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json_reader.h"

namespace hub::hub {

// Who gets memory: the only place that says yes or no to a load or a job. Two limits hold for every
// reservation: the sum of what is reserved stays within the budget, and what is promised but not
// yet taken stays within what the machine really has free. Arithmetic and one look at the system's
// free memory; thread-safe.
class MemoryLedger {
 public:
  struct Line {
    std::string owner;              // "engine smollm2-135m-instruct", "job 0190…"
    std::uint64_t estimated_bytes;  // what was asked for
    std::uint64_t reserved_bytes;   // the estimate, or what was measured when that is more
    std::uint64_t measured_bytes;   // resident now, as the child reports it; 0 until then
    std::uint64_t peak_bytes;       // the highest measured
  };
  // One consistent look: the lines add up to reserved_bytes.
  struct Snapshot {
    std::uint64_t budget_bytes = 0;
    std::uint64_t reserved_bytes = 0;
    std::uint64_t promised_bytes = 0;   // reserved and not yet taken
    std::uint64_t available_bytes = 0;  // what the system has free now
    std::vector<Line> lines;
    // The most that a new reservation could get now.
    [[nodiscard]] std::uint64_t free_bytes() const;
  };

  // `available_bytes` tells what the system could give to a new process now.
  explicit MemoryLedger(
      std::uint64_t budget_bytes, std::function<std::uint64_t()> available_bytes = nullptr);

  // Gives the room back when destroyed. The ledger must outlive it.
  class Reservation {
   public:
    Reservation(MemoryLedger& ledger, std::uint64_t key) : ledger_(ledger), key_(key) {}
    ~Reservation() { ledger_.release(key_); }
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    // What the child really holds; more than the estimate replaces it.
    void measured(std::uint64_t bytes) { ledger_.record(key_, bytes); }
    // A worker's "memory" event: what it holds, and what its device can use at most.
    void measured(const base::JsonReader& event);
    [[nodiscard]] std::uint64_t peak_bytes() const { return ledger_.peak(key_); }

   private:
    MemoryLedger& ledger_;
    std::uint64_t key_;
  };

  // nullptr when `bytes` do not fit beside what is reserved, or the machine has not that much free.
  std::unique_ptr<Reservation> reserve(const std::string& owner, std::uint64_t bytes);

  // A device that can use less than the budget (Metal's recommended working set, a GPU's memory)
  // lowers it; never raises it.
  void limit_budget(std::uint64_t bytes);

  [[nodiscard]] std::uint64_t budget_bytes() const;
  [[nodiscard]] std::uint64_t reserved_bytes() const;
  [[nodiscard]] Snapshot snapshot() const;

 private:
  struct Entry {
    std::uint64_t key = 0;
    Line line;
  };
  void release(std::uint64_t key);
  void record(std::uint64_t key, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t peak(std::uint64_t key) const;
  [[nodiscard]] Snapshot look() const;  // with mutex_ held

  const std::function<std::uint64_t()> available_bytes_;
  mutable std::mutex mutex_;
  std::uint64_t budget_bytes_;  // guarded by mutex_
  std::vector<Entry> entries_;  // guarded by mutex_
  std::uint64_t next_key_ = 1;  // guarded by mutex_
};

// "9 of 12 MiB are in use (engine a: 5, job b: 4), the machine has 30 MiB free": what a refusal
// tells beside what was asked for.
std::string describe(const MemoryLedger::Snapshot& snapshot);

}  // namespace hub::hub
