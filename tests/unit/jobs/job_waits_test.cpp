#include "core/jobs/job_waits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/ids.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"
#include "tests/support/storage.h"

namespace hub::jobs {
namespace {

using testing::HasSubstr;

class JobWaitsTest : public ::testing::Test {
 protected:
  Job add(const std::string& kind, std::string_view lane, bool waits) {
    NewJob job;
    job.kind = kind;
    job.lane = lane;
    job.model = "tiny";
    job.version_id = version;
    job.waits_for_weights = waits;
    return queue.enqueue(job);
  }
  std::string last_event(const std::string& id) { return events.after(0, id).back().type; }

  const std::string version = base::new_id();
  test::Storage storage;
  EventLog events{storage.pool};
  JobQueue queue{storage.pool, storage.clock};
  const Job pull = add(std::string(kPullKind), kHostLane, false);
  const Job waiter = add("finetune", kDeviceLane, true);
};

TEST_F(JobWaitsTest, AWaitingJobIsNotClaimedAndHoldsNobodyUp) {
  EXPECT_EQ(waiter.reason, kWaitWeights);
  EXPECT_EQ(queue.claim("w", 0), std::nullopt);
  const Job other = add("evaluate", kDeviceLane, false);
  EXPECT_EQ(queue.claim("w", 0)->id, other.id);
  EXPECT_EQ(queue.find_live(kPullKind, version)->id, pull.id);
  EXPECT_EQ(queue.find_live(kPullKind, base::new_id()), std::nullopt);
}

TEST_F(JobWaitsTest, TheWeightsArrive) {
  const Job elsewhere = [&] {
    NewJob job;
    job.kind = "finetune";
    job.version_id = base::new_id();
    job.waits_for_weights = true;
    return queue.enqueue(job);
  }();
  ASSERT_EQ(queue.claim("w", 0, kHostLane)->id, pull.id);
  EXPECT_EQ(queue.get(waiter.id).reason, kWaitWeights);
  EXPECT_TRUE(queue.complete(pull.id, base::Json::object()));
  EXPECT_EQ(queue.get(waiter.id).reason, kWaitPosition);
  EXPECT_EQ(last_event(waiter.id), "job.waiting");
  EXPECT_EQ(queue.get(elsewhere.id).reason, kWaitWeights);
  EXPECT_EQ(queue.claim("w", 0)->id, waiter.id);
  EXPECT_EQ(queue.find_live(kPullKind, version), std::nullopt);
}

TEST_F(JobWaitsTest, ThePullFails) {
  queue.claim("w", 0, kHostLane);
  EXPECT_TRUE(queue.fail(pull.id, "the disk is full"));
  const Job ended = queue.get(waiter.id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.reason, testing::AllOf(HasSubstr(pull.id), HasSubstr("the disk is full")));
  EXPECT_TRUE(ended.ended_at_ms.has_value());
  EXPECT_EQ(last_event(waiter.id), "job.failed");
}

TEST_F(JobWaitsTest, ThePullIsCancelledQueuedOrRunning) {
  queue.cancel(pull.id);
  EXPECT_EQ(queue.get(waiter.id).state, JobState::kFailed);
  EXPECT_THAT(queue.get(waiter.id).reason, HasSubstr("was cancelled"));

  const Job running = add(std::string(kPullKind), kHostLane, false);
  const Job second = add("finetune", kDeviceLane, true);
  queue.claim("w", 0, kHostLane);
  queue.cancel(running.id);
  EXPECT_EQ(queue.get(second.id).state, JobState::kQueued);  // until it has really stopped
  queue.cancelled(running.id);
  EXPECT_EQ(queue.get(second.id).state, JobState::kFailed);
}

TEST_F(JobWaitsTest, APullThatGoesBackToTheQueueKeepsItsWaiters) {
  queue.claim("w", 0, kHostLane);
  EXPECT_TRUE(queue.release(pull.id, kWaitPosition));
  EXPECT_EQ(queue.get(waiter.id).reason, kWaitWeights);
  EXPECT_EQ(queue.claim("w", 0, kHostLane)->id, pull.id);
}

}  // namespace
}  // namespace hub::jobs
