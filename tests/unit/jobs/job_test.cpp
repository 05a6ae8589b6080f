#include "core/jobs/job.h"

#include <array>

#include <gtest/gtest.h>

namespace hub::jobs {
namespace {

constexpr std::array kAll{
    JobState::kQueued,
    JobState::kRunning,
    JobState::kCompleted,
    JobState::kFailed,
    JobState::kCancelled};

TEST(Job, StatesAreWordsBothWays) {
  for (const JobState state : kAll) {
    EXPECT_EQ(job_state_from(to_string(state)), state);
  }
  EXPECT_EQ(job_state_from("running"), JobState::kRunning);
  EXPECT_EQ(job_state_from("DONE"), std::nullopt);
  EXPECT_EQ(job_state_from(""), std::nullopt);
}

TEST(Job, AnEndedJobOnlyQueuesAgainUnlessItCompleted) {
  for (const JobState from : kAll) {
    for (const JobState to : kAll) {
      if (is_ended(from)) {
        const bool resumed = to == JobState::kQueued && from != JobState::kCompleted;
        EXPECT_EQ(may_become(from, to), resumed) << to_string(from) << " to " << to_string(to);
      }
    }
  }
}

TEST(Job, OnlyARunningJobCompletesOrFails) {
  EXPECT_TRUE(may_become(JobState::kRunning, JobState::kCompleted));
  EXPECT_TRUE(may_become(JobState::kRunning, JobState::kFailed));
  EXPECT_TRUE(may_become(JobState::kRunning, JobState::kQueued));
  EXPECT_FALSE(may_become(JobState::kQueued, JobState::kCompleted));
  EXPECT_FALSE(may_become(JobState::kQueued, JobState::kFailed));
  EXPECT_TRUE(may_become(JobState::kQueued, JobState::kCancelled));
}

}  // namespace
}  // namespace hub::jobs
