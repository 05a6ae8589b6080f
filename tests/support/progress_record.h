#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hub::test {

// What a callback of progress heard, stage by stage ("" where there are none).
class ProgressRecord {
 public:
  bool add(std::int64_t done, std::int64_t total, const std::string& stage = {}) {
    if (heard_.empty() || heard_.back().first != stage) {
      heard_.emplace_back(stage, std::vector<std::pair<std::int64_t, std::int64_t>>());
    }
    heard_.back().second.emplace_back(done, total);
    return true;
  }

  [[nodiscard]] std::vector<std::string> stages() const {
    std::vector<std::string> names;
    names.reserve(heard_.size());
    for (const auto& [stage, pairs] : heard_) {
      names.push_back(stage);
    }
    return names;
  }

  // Of each stage: one total, and bytes that only grow, up to it.
  void expect_whole() const {
    EXPECT_FALSE(heard_.empty());
    for (const auto& [stage, pairs] : heard_) {
      EXPECT_TRUE(std::is_sorted(pairs.begin(), pairs.end())) << stage;
      EXPECT_EQ(pairs.front().second, pairs.back().second) << stage;
      EXPECT_EQ(pairs.back().first, pairs.back().second) << stage;
    }
  }

  // Of a stage; -1 when there was none such.
  [[nodiscard]] std::int64_t total_of(const std::string& stage = {}) const {
    const auto found = std::find_if(
        heard_.begin(), heard_.end(), [&](const auto& entry) { return entry.first == stage; });
    return found == heard_.end() ? -1 : found->second.back().second;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>>> heard_;
};

}  // namespace hub::test
