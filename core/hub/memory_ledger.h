#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace hub::hub {

// The only place that says yes or no to a load or a job: what is reserved must fit the budget. Pure
// arithmetic; thread-safe.
class MemoryLedger {
 public:
  struct Line {
    std::string owner;             // "engine smollm2-135m-instruct", "job 0190…"
    std::uint64_t reserved_bytes;  // the estimate, or what was measured when that is more
    std::uint64_t measured_bytes;  // reported by the child; 0 until then
  };

  explicit MemoryLedger(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // Gives the room back when destroyed. The ledger must outlive it.
  class Reservation {
   public:
    Reservation(MemoryLedger& ledger, std::uint64_t key) : ledger_(ledger), key_(key) {}
    ~Reservation() { ledger_.release(key_); }
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    // What the child really holds; replaces a lower estimate.
    void measured(std::uint64_t bytes) { ledger_.record(key_, bytes); }

   private:
    MemoryLedger& ledger_;
    std::uint64_t key_;
  };

  // nullptr when `bytes` do not fit beside what is reserved.
  std::unique_ptr<Reservation> reserve(const std::string& owner, std::uint64_t bytes);

  [[nodiscard]] std::uint64_t budget_bytes() const { return budget_bytes_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const;
  [[nodiscard]] std::vector<Line> lines() const;

 private:
  struct Entry {
    std::uint64_t key = 0;
    Line line;
  };
  void release(std::uint64_t key);
  void record(std::uint64_t key, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t sum() const;

  const std::uint64_t budget_bytes_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_
  std::uint64_t next_key_ = 1;  // guarded by mutex_
};

}  // namespace hub::hub
