#include "core/hub/crash_guard.h"

#include <gtest/gtest.h>

namespace hub::hub {
namespace {

TEST(CrashGuard, OneCrashIsNoLoopAndMoreWaitTwiceAsLongEachTime) {
  CrashGuard guard({.first_seconds = 1, .most_seconds = 3, .well_seconds = 60, .free_crashes = 1});
  EXPECT_EQ(guard.may_start("a", 0).wait_seconds, 0);
  guard.crashed("a", 100, 2, "signal 11");
  EXPECT_EQ(guard.may_start("a", 100).wait_seconds, 0);
  guard.crashed("a", 101, 0.5, "signal 11");
  EXPECT_EQ(guard.may_start("a", 101).wait_seconds, 1);
  EXPECT_EQ(guard.may_start("b", 101).wait_seconds, 0);
  guard.crashed("a", 103, 0.5, "signal 6");
  EXPECT_EQ(guard.may_start("a", 103).wait_seconds, 2);
  guard.crashed("a", 106, 0.5, "signal 6");
  const auto verdict = guard.may_start("a", 106);
  EXPECT_EQ(verdict.wait_seconds, 3) << "never longer than the most";
  EXPECT_EQ(verdict.crashes, 4);
  EXPECT_EQ(verdict.why, "signal 6");
  EXPECT_EQ(guard.may_start("a", 109.5).wait_seconds, 0);
}

TEST(CrashGuard, OneThatRanWellStartsAnew) {
  CrashGuard guard;
  guard.crashed("a", 10, 1, "x");
  guard.crashed("a", 11, 1, "x");
  guard.crashed("a", 500, 400, "x");
  EXPECT_EQ(guard.may_start("a", 500).crashes, 1);
  guard.forget("a");
  EXPECT_EQ(guard.may_start("a", 500).crashes, 0);
}

}  // namespace
}  // namespace hub::hub
