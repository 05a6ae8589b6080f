#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/data/examples.h"

namespace hub::train {

// A prompt with an answer, which is trained.
inline data::Example answered(const std::vector<int>& prompt, const std::vector<int>& answer) {
  data::Example example;
  example.tokens = prompt;
  example.trained.assign(prompt.size(), 0);
  for (const int token : answer) {
    example.tokens.push_back(token);
    example.trained.push_back(1);
  }
  return example;
}

// Chosen answers are of small tokens, rejected ones of large tokens; 2 to 5 of them.
inline std::vector<data::Example> separable_pairs(std::size_t count) {
  std::vector<data::Example> pairs;
  for (std::size_t row = 0; row < count; ++row) {
    const auto number = static_cast<int>(row);
    const std::vector<int> prompt = {5 + number % 7, 60 + number % 11, 30 + number % 3};
    std::vector<int> chosen(static_cast<std::size_t>(2 + number % 3));
    std::vector<int> rejected(static_cast<std::size_t>(2 + number % 4));
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      chosen[i] = (3 * number + static_cast<int>(i)) % 40;
    }
    for (std::size_t i = 0; i < rejected.size(); ++i) {
      rejected[i] = 50 + (2 * number + static_cast<int>(i)) % 40;
    }
    data::Example pair = answered(prompt, chosen);
    pair.rejected = std::make_shared<const data::Example>(answered(prompt, rejected));
    pairs.push_back(pair);
  }
  return pairs;
}

}  // namespace hub::train
