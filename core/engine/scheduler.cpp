#include "core/engine/scheduler.h"

#include <algorithm>
#include <cassert>
#include <numeric>
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
         static_cast<std::uint64_t>(grown_capacity(sequence, limits.most_rows)) *
             limits.kv_bytes_per_token;
}

class Planner {
 public:
  Planner(
      std::span<const SequenceView> running,
      std::span<const SequenceView> waiting,
      const StepLimits& limits,
      std::span<const std::uint64_t> served)
      : running_(running),
        waiting_(waiting),
        limits_(limits),
        served_(served.begin(), served.end()),
        kept_(running.size()),
        starts_(waiting.size(), false),
        used_bytes_(planned_kv_bytes(running, limits)) {
    std::iota(kept_.begin(), kept_.end(), 0);
    std::ranges::stable_sort(kept_, {}, [&](int i) { return at(running_, i).priority; });
    for (const SequenceView& sequence : running) {
      promise(sequence);
    }
  }

  StepPlan plan() {
    preempt_outgrown();
    if (preempted_.empty()) {
      admit();
    }
    std::ranges::sort(preempted_);
    std::ranges::sort(kept_);
    return {.preempt = preempted_, .admit = admitted_, .parts = {}};
  }

  // After plan(): those that run, in the order that StepPart::sequence means.
  [[nodiscard]] std::vector<SequenceView> sequences() const {
    std::vector<SequenceView> result;
    result.reserve(kept_.size() + admitted_.size());
    for (const int i : kept_) {
      result.push_back(at(running_, i));
    }
    for (const int i : admitted_) {
      result.push_back(at(waiting_, i));
    }
    return result;
  }

 private:
  static const SequenceView& at(std::span<const SequenceView> sequences, int index) {
    return sequences[static_cast<std::size_t>(index)];
  }

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

  void preempt_outgrown() {
    while (kept_.size() > 1 && used_bytes_ > limits_.kv_budget_bytes) {
      preempt_last();
    }
  }

  void preempt_last() {
    used_bytes_ -= kv_bytes(at(running_, kept_.back()), limits_);
    preempted_.push_back(kept_.back());
    kept_.pop_back();
  }

  void admit() {
    while (const auto next = whose_turn()) {
      const SequenceView& candidate = waiting_[*next];
      if (!make_room(candidate)) {
        return;
      }
      starts_[*next] = true;
      admitted_.push_back(static_cast<int>(*next));
      used_bytes_ += kv_bytes(candidate, limits_);
      promise(candidate);
    }
  }

  std::optional<std::size_t> whose_turn() {
    std::optional<std::size_t> best;
    const auto rank = [this](std::size_t i) {
      const SequenceView& sequence = waiting_[i];
      return std::tuple(sequence.priority, !sequence.began, served(sequence.key), i);
    };
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (!starts_[i] && !waiting_[i].held && (!best || rank(i) < rank(*best))) {
        best = i;
      }
    }
    return best;
  }

  // False when it does not fit even without those that are less important: then nobody gives way.
  bool make_room(const SequenceView& candidate) {
    std::size_t kept = kept_.size();
    std::uint64_t used = used_bytes_;
    while (!fits(candidate, kept + admitted_.size(), used)) {
      if (kept == 0 || at(running_, kept_[kept - 1]).priority <= candidate.priority) {
        return false;
      }
      --kept;
      used -= kv_bytes(at(running_, kept_[kept]), limits_);
    }
    while (kept_.size() > kept) {
      preempt_last();
    }
    return true;
  }

  [[nodiscard]] bool fits(
      const SequenceView& candidate, std::size_t beside, std::uint64_t used_bytes) const {
    const std::uint64_t growth = (beside + 1) * kHeadroomTokens * limits_.kv_bytes_per_token;
    return beside == 0 ||
           (beside < static_cast<std::size_t>(limits_.max_running) &&
            used_bytes + kv_bytes(candidate, limits_) + growth <= limits_.kv_budget_bytes);
  }

  const std::span<const SequenceView> running_;
  const std::span<const SequenceView> waiting_;
  const StepLimits& limits_;
  std::vector<std::uint64_t> served_;
  std::vector<int> kept_;  // of the running ones: the most important first, of those the oldest
  std::vector<int> preempted_;
  std::vector<int> admitted_;
  std::vector<bool> starts_;  // of the waiting ones
  std::uint64_t used_bytes_;  // by those that are kept and admitted
};

}  // namespace

int grown_capacity(const SequenceView& sequence, int most_rows) {
  const int tokens = sequence.cached + sequence.pending;
  if (tokens <= sequence.capacity) {
    return sequence.capacity;
  }
  const int grown = std::max({tokens, 2 * sequence.capacity, kSmallestCapacity});
  return most_rows == 0 ? grown : std::min(grown, most_rows);
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
  Planner planner(running, waiting, limits, served);
  StepPlan plan = planner.plan();
  const std::vector<SequenceView> sequences = planner.sequences();
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
