#include "core/engine/scheduler.h"

#include <algorithm>
#include <cassert>

namespace hub::engine {

namespace {

// Fewer rows than this a prompt would make the step's fixed cost dominate.
constexpr int kMinPrefillShare = 32;

// The smallest cache that models::KvCache makes, in tokens.
constexpr int kSmallestCapacity = 64;

std::uint64_t kv_bytes(const SequenceView& sequence, const StepLimits& limits) {
  return limits.bytes_per_sequence +
         static_cast<std::uint64_t>(grown_capacity(sequence)) * limits.kv_bytes_per_token;
}

// How many of the newest must give way so that the rest fit.
int count_preempted(std::span<const SequenceView> running, const StepLimits& limits) {
  std::uint64_t used = 0;
  std::size_t kept = 0;
  for (const SequenceView& sequence : running) {
    used += kv_bytes(sequence, limits);
    if (kept > 0 && used > limits.kv_budget_bytes) {
      break;
    }
    ++kept;
  }
  return static_cast<int>(running.size() - kept);
}

int count_admitted(
    std::span<const SequenceView> running,
    std::span<const SequenceView> waiting,
    const StepLimits& limits) {
  std::uint64_t used = planned_kv_bytes(running, limits);
  std::size_t count = running.size();
  int admitted = 0;
  for (const SequenceView& candidate : waiting) {
    const std::uint64_t growth = (count + 1) * kHeadroomTokens * limits.kv_bytes_per_token;
    const std::uint64_t wanted = used + kv_bytes(candidate, limits) + growth;
    const bool fits = count == 0 || wanted <= limits.kv_budget_bytes;
    if (!fits || count >= static_cast<std::size_t>(limits.max_running)) {
      break;
    }
    used += kv_bytes(candidate, limits);
    ++count;
    ++admitted;
  }
  return admitted;
}

// Gives each sequence its rows: first an even share, then what is left in order of arrival.
std::vector<int> share_rows(std::span<const SequenceView> sequences, int prefill_chunk) {
  std::vector<int> rows(sequences.size(), 0);
  int prompts = 0;
  for (const SequenceView& sequence : sequences) {
    prompts += sequence.pending > 1 ? 1 : 0;
  }
  const int share = prompts == 0 ? 0 : std::max(prefill_chunk / prompts, kMinPrefillShare);
  int left = prefill_chunk;
  for (const int limit : {share, prefill_chunk}) {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      if (sequences[i].pending == 1) {
        rows[i] = 1;
        continue;
      }
      const int more = std::min({sequences[i].pending - rows[i], limit, left});
      rows[i] += more;
      left -= more;
    }
  }
  return rows;
}

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
    const StepLimits& limits) {
  assert(limits.max_running >= 1 && limits.prefill_chunk >= 1);
  StepPlan plan;
  plan.preempt = count_preempted(running, limits);
  const auto kept = running.first(running.size() - static_cast<std::size_t>(plan.preempt));
  if (plan.preempt == 0) {
    plan.admit = count_admitted(kept, waiting, limits);
  }
  std::vector<SequenceView> sequences(kept.begin(), kept.end());
  sequences.insert(sequences.end(), waiting.begin(), waiting.begin() + plan.admit);

  const std::vector<int> rows = share_rows(sequences, limits.prefill_chunk);
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
