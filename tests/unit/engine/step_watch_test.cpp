#include "core/engine/step_watch.h"

#include <gtest/gtest.h>

#include "core/obs/log.h"

namespace hub::engine {
namespace {

std::uint64_t warnings() {
  return obs::log::counts().by_level[static_cast<std::size_t>(obs::log::Level::kWarning)];
}

TEST(StepWatch, ASlowStepIsToldOnceWhileItRuns) {
  StepWatch watch(0.0);  // any step is slow
  const std::uint64_t before = warnings();
  watch.look();
  EXPECT_EQ(watch.slow_steps(), 0U) << "none runs";
  EXPECT_EQ(watch.seconds(), 0.0);
  watch.begin({.sequences = 2, .rows = 5, .longest = 40, .requests = "a b"});
  while (watch.seconds() == 0.0) {
  }
  watch.look();
  EXPECT_EQ(watch.slow_steps(), 1U) << "though it has not ended";
  watch.look();
  watch.end();
  EXPECT_EQ(watch.slow_steps(), 1U);
  EXPECT_EQ(watch.seconds(), 0.0);
  EXPECT_EQ(warnings(), before + 1);
}

TEST(StepWatch, ASlowStepThatNobodyLookedAtIsToldAtItsEnd) {
  StepWatch watch(0.0);
  for (int i = 0; i < 2; ++i) {
    watch.begin({.requests = {}});
    while (watch.seconds() == 0.0) {
    }
    watch.end();
  }
  EXPECT_EQ(watch.slow_steps(), 2U);
}

TEST(StepWatch, OthersAreNot) {
  StepWatch watch(1e9);
  watch.begin({.requests = {}});
  watch.look();
  watch.end();
  EXPECT_EQ(watch.slow_steps(), 0U);
}

}  // namespace
}  // namespace hub::engine
