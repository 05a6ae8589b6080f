#include "core/hub/job_watch.h"

#include <gtest/gtest.h>

namespace hub::hub {
namespace {

using jobs::Heartbeat;

TEST(JobWatch, TheFirstCauseThatHoldsCounts) {
  const JobLimits limits{.timeout_seconds = 60, .stall_seconds = 10};
  JobSigns signs;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kNone);
  signs.must_yield = true;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kYield);
  signs.hub_stops = true;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kShutdown);
  signs.quiet_seconds = 10.5;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kStalled);
  signs.running_seconds = 60.5;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kTimeout);
  signs.heartbeat = Heartbeat::kLost;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kLost);
  signs.heartbeat = Heartbeat::kCancelRequested;
  EXPECT_EQ(stop_cause(signs, limits), StopCause::kCancelled);
}

TEST(JobWatch, WithoutALimitAJobMayRunForEver) {
  JobSigns signs;
  signs.running_seconds = 1e9;
  EXPECT_EQ(stop_cause(signs, {}), StopCause::kNone);
}

TEST(JobWatch, OnlyWhatGoesOnLaterIsCheckpointed) {
  EXPECT_TRUE(keeps_work(StopCause::kYield));
  EXPECT_TRUE(keeps_work(StopCause::kShutdown));
  EXPECT_TRUE(keeps_work(StopCause::kCancelled));  // it may be resumed
  EXPECT_FALSE(keeps_work(StopCause::kStalled));
}

TEST(JobWatch, RetriesWaitLongerEachTime) {
  EXPECT_DOUBLE_EQ(retry_delay_seconds(1, 2), 2);
  EXPECT_DOUBLE_EQ(retry_delay_seconds(2, 2), 8);
  EXPECT_DOUBLE_EQ(retry_delay_seconds(3, 2), 32);
  EXPECT_DOUBLE_EQ(retry_delay_seconds(50, 2), 3600);
}

}  // namespace
}  // namespace hub::hub
