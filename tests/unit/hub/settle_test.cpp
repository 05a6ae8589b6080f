#include "core/hub/settle.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::hub {
namespace {

base::Error full() {
  return {base::ErrorCode::kUnavailable, "the disk is full"};
}

TEST(SettleWhenPossible, IsSaidAgainUntilThereIsRoom) {
  int tries = 0;
  const std::atomic<bool> stopping = false;
  settle_when_possible("job", stopping, [&] {
    if (++tries < 3) {
      throw full();
    }
  });
  EXPECT_EQ(tries, 3);
}

TEST(SettleWhenPossible, GivesUpWhenTheHubStops) {
  int tries = 0;
  const std::atomic<bool> stopping = true;
  settle_when_possible("job", stopping, [&] {
    ++tries;
    throw full();
  });
  EXPECT_EQ(tries, 1);
}

TEST(SettleWhenPossible, AnotherErrorIsNotRepeated) {
  const std::atomic<bool> stopping = false;
  EXPECT_THROW(
      settle_when_possible(
          "job",
          stopping,
          [] { throw base::Error(base::ErrorCode::kConflict, "the name is taken"); }),
      base::Error);
}

}  // namespace
}  // namespace hub::hub
