#include "core/engine/scheduler.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <tuple>

#include "core/engine/fair_shares.h"
#include "core/engine/prefill_rows.h"

namespace hub::engine {

namespace {

// The smallest cache that models::KvCache makes, in tokens.
constexpr int kSmallestCapacity = 64;

std::uint64_t kv_bytes(const SequenceView& sequence, const StepLimits& limits) {
  return limits.bytes_per_sequence +
         static_cast<std::uint64_t>(grown_capacity(sequence)) * limits.kv_bytes_per_token;
}

// Moves the newest that must give way, so that the rest fit, out of `sequences`.
std::vector<int> take_preempted(std::vector<SequenceView>& sequences, const StepLimits& limits) {
  std::uint64_t used = 0;
  std::size_t kept = 0;
  for (const SequenceView& sequence : sequences) {
    used += kv_bytes(sequence, limits);
    if (kept > 0 && used > limits.kv_budget_bytes) {
      break;
    }
    ++kept;
  }
  std::vector<int> preempted;
  for (std::size_t i = kept; i < sequences.size(); ++i) {
    preempted.push_back(static_cast<int>(i));
  }
  sequences.resize(kept);
  return preempted;
}

// Chooses who of those that wait starts.
class Admission {
 public:
  // `running` is added to.
  Admission(
      std::vector<SequenceView>& running,
      std::span<const SequenceView> waiting,
      const StepLimits& limits,
      std::span<const std::uint64_t> served)
      : running_(running),
        waiting_(waiting),
        limits_(limits),
        served_(served.begin(), served.end()),
        starts_(waiting.size(), false),
        used_bytes_(planned_kv_bytes(running, limits)) {
    for (const SequenceView& sequence : running) {
      promise(sequence);
    }
  }

  std::vector<int> admit() {
    std::vector<int> admitted;
    while (const auto next = whose_turn()) {
      const SequenceView& candidate = waiting_[*next];
      if (!fits(candidate)) {
        break;
      }
      starts_[*next] = true;
      admitted.push_back(static_cast<int>(*next));
      used_bytes_ += kv_bytes(candidate, limits_);
      promise(candidate);
      running_.push_back(candidate);
    }
    return admitted;
  }

 private:
  std::uint64_t& served(int key) {
    const auto index = static_cast<std::size_t>(key);
    if (index >= served_.size()) {
      served_.resize(index + 1, 0);
    }
    return served_[index];
  }

  // What is left of a prompt counts as served, so that a key does not start all it has before the
  // first step charges it.
  void promise(const SequenceView& sequence) {
    if (sequence.pending > 1) {
      served(sequence.key) += static_cast<std::uint64_t>(sequence.pending) * kPromptTokenCost;
    }
  }

  std::optional<std::size_t> whose_turn() {
    std::optional<std::size_t> best;
    const auto rank = [this](std::size_t i) {
      return std::tuple(!waiting_[i].began, served(waiting_[i].key), i);
    };
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (!starts_[i] && (!best || rank(i) < rank(*best))) {
        best = i;
      }
    }
    return best;
  }

  [[nodiscard]] bool fits(const SequenceView& candidate) const {
    if (running_.empty()) {
      return true;
    }
    const std::uint64_t growth =
        (running_.size() + 1) * kHeadroomTokens * limits_.kv_bytes_per_token;
    return running_.size() < static_cast<std::size_t>(limits_.max_running) &&
           used_bytes_ + kv_bytes(candidate, limits_) + growth <= limits_.kv_budget_bytes;
  }

  std::vector<SequenceView>& running_;
  const std::span<const SequenceView> waiting_;
  const StepLimits& limits_;
  std::vector<std::uint64_t> served_;
  std::vector<bool> starts_;
  std::uint64_t used_bytes_;
};

}  // namespace

int grown_capacity(const SequenceView& sequence) {
  const int tokens = sequence.cached + sequence.pending;
  return tokens <= sequence.capacity ? sequence.capacity
                                     : std::max({tokens, 2 * sequence.capacity, kSmallestCapacity});
}

std::uint64_t planned_kv_bytes(std::span<const SequenceView> sequences, const StepLimits& limits) {
  std::uint64_t bytes = 0;
  for (const SequenceView& sequence : sequences) {
    bytes += kv_bytes(sequence, limits);
  }
  return bytes;
}

StepPlan plan_step(
    std::span<const SequenceView> running,
    std::span<const SequenceView> waiting,
    const StepLimits& limits,
    std::span<const std::uint64_t> served) {
  assert(limits.max_running >= 1 && limits.prefill_chunk >= 1);
  StepPlan plan;
  std::vector<SequenceView> sequences(running.begin(), running.end());
  plan.preempt = take_preempted(sequences, limits);
  if (plan.preempt.empty()) {
    plan.admit = Admission(sequences, waiting, limits, served).admit();
  }
  const std::vector<int> rows = share_prefill_rows(sequences, limits.prefill_chunk, served);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (rows[i] > 0) {
      plan.parts.push_back(
          {.sequence = static_cast<int>(i),
           .rows = rows[i],
           .samples = rows[i] == sequences[i].pending});
    }
  }
  return plan;
}

}  // namespace hub::engine
