#include "core/engine/prefill_rows.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hub::engine {

namespace {

// Fewer rows than this a prompt would make the step's fixed cost dominate.
constexpr int kMinPrefillShare = 32;

// The prompts of one priority and key: indices of sequences, in order.
struct KeyPrompts {
  int priority = 0;
  std::uint64_t served = 0;
  std::vector<std::size_t> prompts{};
};

// By priority, then the key that was served least first, then in the order of their first prompts.
std::vector<KeyPrompts> by_key(
    std::span<const SequenceView> sequences, std::span<const std::uint64_t> served) {
  std::vector<KeyPrompts> keys;
  std::map<std::pair<int, int>, std::size_t> places;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const SequenceView& sequence = sequences[i];
    if (sequence.pending == 1) {
      continue;
    }
    const auto [place, is_new] =
        places.try_emplace(std::pair(sequence.priority, sequence.key), keys.size());
    if (is_new) {
      const auto key = static_cast<std::size_t>(sequence.key);
      keys.push_back(
          {.priority = sequence.priority, .served = key < served.size() ? served[key] : 0});
    }
    keys[place->second].prompts.push_back(i);
  }
  std::ranges::stable_sort(
      keys, {}, [](const KeyPrompts& key) { return std::pair(key.priority, key.served); });
  return keys;
}

int even_share(int rows, std::size_t among) {
  return std::max(rows / static_cast<int>(among), kMinPrefillShare);
}

// Gives the key's prompts `allotted` rows at most; returns how many they took.
int give(
    const KeyPrompts& key,
    int allotted,
    std::span<const SequenceView> sequences,
    std::vector<int>& rows) {
  int left = allotted;
  for (const int limit : {even_share(allotted, key.prompts.size()), allotted}) {
    for (const std::size_t i : key.prompts) {
      const int more = std::min({sequences[i].pending - rows[i], limit, left});
      rows[i] += more;
      left -= more;
    }
  }
  return allotted - left;
}

}  // namespace

std::vector<int> share_prefill_rows(
    std::span<const SequenceView> sequences,
    int prefill_chunk,
    std::span<const std::uint64_t> served) {
  std::vector<int> rows(sequences.size(), 0);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    rows[i] = sequences[i].pending == 1 ? 1 : 0;
  }
  const std::vector<KeyPrompts> keys = by_key(sequences, served);
  int left = prefill_chunk;
  for (std::size_t begin = 0, end = 0; begin < keys.size(); begin = end) {
    while (end < keys.size() && keys[end].priority == keys[begin].priority) {
      ++end;
    }
    for (const int limit : {even_share(left, end - begin), left}) {
      for (std::size_t i = begin; i < end; ++i) {
        left -= give(keys[i], std::min(limit, left), sequences, rows);
      }
    }
  }
  return rows;
}

}  // namespace hub::engine
