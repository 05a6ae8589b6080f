#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace hub::engine {

// What a key is charged for a token that was computed for it: one of the prompt, one of the answer.
// A token of an answer costs a pass of its own, those of a prompt share one. Cached ones are free.
inline constexpr std::uint64_t kPromptTokenCost = 1;
inline constexpr std::uint64_t kAnswerTokenCost = 2;

// Of the tokens from the `from`-th up to the `to`-th of a sequence.
std::uint64_t token_cost(int from, int to, int prompt_length);

// What each key was served, so that the one served least goes first: the virtual token counters of
// "Fairness in Serving Large Language Models" (Sheng et al. 2024, arXiv:2401.00588, algorithm 2).
// A key that comes back with work is lifted to the least of those that have some: having been idle
// earns nothing. Counters alone: no clock, no locks; belongs to one thread.
class FairShares {
 public:
  // A sequence of the key arrives: the key's index into served(), its own until the last of its
  // sequences left.
  int join(const std::string& key);
  // One of its sequences ended.
  void leave(int key);
  // While it has a sequence.
  void charge(int key, std::uint64_t cost);

  // By key index; what stands at the index of a key without sequences means nothing.
  [[nodiscard]] std::span<const std::uint64_t> served() const { return served_; }
  // Keys that are remembered: those with sequences, and those that were served more than them.
  [[nodiscard]] std::size_t remembered() const { return indices_.size(); }

 private:
  // Forgets idle keys that would be lifted anyway; all of them where none has a sequence.
  void forget_idle();
  // Of the keys with sequences; the largest number where there are none.
  [[nodiscard]] std::uint64_t least_served() const;

  std::map<std::string, int> indices_;
  std::vector<std::uint64_t> served_;
  std::vector<int> sequences_;
  std::vector<int> free_;  // indices that belong to nobody
};

}  // namespace hub::engine
