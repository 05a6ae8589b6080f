#include "core/engine/prefill_rows.h"

#include <algorithm>
#include <map>

namespace hub::engine {

namespace {

// Fewer rows than this a prompt would make the step's fixed cost dominate.
constexpr int kMinPrefillShare = 32;

// The prompts of one key: indices of sequences, in order.
struct KeyPrompts {
  std::uint64_t served = 0;
  std::vector<std::size_t> prompts{};
};

// Keys that have prompts, the one served least first; then in the order of their first prompts.
std::vector<KeyPrompts> by_key(
    std::span<const SequenceView> sequences, std::span<const std::uint64_t> served) {
  std::vector<KeyPrompts> keys;
  std::map<int, std::size_t> places;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].pending == 1) {
      continue;
    }
    const auto [place, is_new] = places.try_emplace(sequences[i].key, keys.size());
    if (is_new) {
      const auto key = static_cast<std::size_t>(sequences[i].key);
      keys.push_back({.served = key < served.size() ? served[key] : 0});
    }
    keys[place->second].prompts.push_back(i);
  }
  std::ranges::stable_sort(keys, {}, &KeyPrompts::served);
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
  if (keys.empty()) {
    return rows;
  }
  int left = prefill_chunk;
  for (const int limit : {even_share(prefill_chunk, keys.size()), prefill_chunk}) {
    for (const KeyPrompts& key : keys) {
      left -= give(key, std::min(limit, left), sequences, rows);
    }
  }
  return rows;
}

}  // namespace hub::engine
