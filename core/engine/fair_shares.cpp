#include "core/engine/fair_shares.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace hub::engine {

std::uint64_t token_cost(int from, int to, int prompt_length) {
  const int of_prompt = std::max(0, std::min(to, prompt_length) - from);
  const int of_answer = std::max(0, to - std::max(from, prompt_length));
  return static_cast<std::uint64_t>(of_prompt) * kPromptTokenCost +
         static_cast<std::uint64_t>(of_answer) * kAnswerTokenCost;
}

int FairShares::join(const std::string& key) {
  const std::uint64_t least = least_served();
  const bool nobody_is_active = least == std::numeric_limits<std::uint64_t>::max();
  const auto [found, is_new] = indices_.try_emplace(key, 0);
  if (is_new) {
    if (free_.empty()) {
      free_.push_back(static_cast<int>(served_.size()));
      served_.push_back(0);
      sequences_.push_back(0);
    }
    found->second = free_.back();
    free_.pop_back();
    served_[static_cast<std::size_t>(found->second)] = 0;
  }
  const auto index = static_cast<std::size_t>(found->second);
  if (sequences_[index] == 0 && !nobody_is_active) {
    served_[index] = std::max(served_[index], least);
  }
  ++sequences_[index];
  return found->second;
}

void FairShares::leave(int key) {
  int& sequences = sequences_[static_cast<std::size_t>(key)];
  assert(sequences > 0);
  --sequences;
  forget_idle();
}

void FairShares::charge(int key, std::uint64_t cost) {
  assert(sequences_[static_cast<std::size_t>(key)] > 0);
  served_[static_cast<std::size_t>(key)] += cost;
}

std::uint64_t FairShares::least_served() const {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = 0; i < served_.size(); ++i) {
    if (sequences_[i] > 0) {
      least = std::min(least, served_[i]);
    }
  }
  return least;
}

void FairShares::forget_idle() {
  const std::uint64_t least = least_served();
  std::erase_if(indices_, [&](const auto& entry) {
    const auto index = static_cast<std::size_t>(entry.second);
    const bool goes = sequences_[index] == 0 && served_[index] <= least;
    if (goes) {
      free_.push_back(entry.second);
    }
    return goes;
  });
}

}  // namespace hub::engine
