#include "core/jobs/job_queue.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/db/statement.h"
#include "core/jobs/event_log.h"
#include "tests/support/storage.h"

namespace hub::jobs {
namespace {

constexpr int kJobs = 60;  // of ManyClaimersNeverShareAJob

class JobQueueTest : public ::testing::Test {
 protected:
  Job add(int priority = 0) {
    NewJob job;
    job.kind = "finetune";
    job.model = "tiny";
    job.priority = priority;
    return queue.enqueue(job);
  }
  std::optional<Job> claim() { return queue.claim("w", storage.clock.now_ms()); }
  JobState state(const std::string& id) { return queue.get(id).state; }
  std::vector<std::string> event_types(const std::string& id) {
    std::vector<std::string> types;
    for (const Event& event : events.after(0, id)) {
      types.push_back(event.type);
    }
    return types;
  }

  test::Storage storage;
  EventLog events{storage.pool};
  JobQueue queue{storage.pool, storage.clock, {.lease_ms = 30'000, .most_queued = 1000}};
};

using Types = std::vector<std::string>;

TEST_F(JobQueueTest, ANewJobWaitsWithItsPlaceInTheQueue) {
  const Job first = add();
  const Job second = add();
  EXPECT_EQ(first.state, JobState::kQueued);
  EXPECT_EQ(first.reason, kWaitPosition);
  EXPECT_EQ(first.attempt, 0);
  EXPECT_EQ(queue.position(first.id), 1);
  EXPECT_EQ(queue.position(second.id), 2);
  EXPECT_EQ(event_types(first.id), Types{"job.queued"});
}

TEST_F(JobQueueTest, ClaimsByPriorityThenArrivalOneAtATime) {
  const Job low = add(0);
  const Job high = add(5);
  const Job high_later = add(5);
  for (const Job& expected : {high, high_later, low}) {
    const auto job = claim();
    ASSERT_TRUE(job);
    EXPECT_EQ(job->id, expected.id);
    EXPECT_EQ(job->state, JobState::kRunning);
    EXPECT_EQ(job->attempt, 1);
    EXPECT_EQ(job->lease_until_ms, storage.clock.now_ms() + 30'000);
    EXPECT_EQ(job->started_at_ms, storage.clock.now_ms());
    EXPECT_FALSE(claim()) << "one job of a lane at a time";
    EXPECT_TRUE(queue.complete(job->id, base::Json::object()));
  }
  EXPECT_FALSE(claim());
}

TEST_F(JobQueueTest, LanesDoNotWaitForEachOther) {
  add();
  NewJob host;
  host.kind = "import";
  host.lane = kHostLane;
  const Job other = queue.enqueue(host);
  EXPECT_TRUE(claim());
  const auto job = queue.claim("w2", storage.clock.now_ms(), kHostLane);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->id, other.id);
}

TEST_F(JobQueueTest, ManyClaimersNeverShareAJob) {
  for (int i = 0; i < kJobs; ++i) {
    add();
  }
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::mutex mutex;
  std::multiset<std::string> claimed;  // guarded by mutex
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      while (true) {
        const auto job = queue.claim("w" + std::to_string(t), storage.clock.now_ms());
        if (!job) {
          const std::lock_guard lock(mutex);
          if (claimed.size() >= kJobs) {
            return;
          }
          continue;
        }
        {
          const std::lock_guard lock(mutex);
          claimed.insert(job->id);
        }
        most = std::max(most.load(), ++running);
        --running;
        EXPECT_TRUE(queue.complete(job->id, base::Json::object()));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(claimed.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(claimed.begin(), claimed.end()).size(), kJobs);
  EXPECT_EQ(most, 1);
}

TEST_F(JobQueueTest, AnExpiredLeaseIsSeenButNeverTakenAgain) {
  const Job job = add();
  add();
  ASSERT_TRUE(claim());
  EXPECT_TRUE(queue.expired(storage.clock.now_ms()).empty());
  storage.clock.advance_ms(30'001);
  const auto expired = queue.expired(storage.clock.now_ms());
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].id, job.id);
  EXPECT_FALSE(claim()) << "its old worker may still live";
}

TEST_F(JobQueueTest, AHeartbeatExtendsTheLease) {
  const Job job = add();
  ASSERT_TRUE(claim());
  storage.clock.advance_ms(20'000);
  EXPECT_EQ(queue.heartbeat(job.id), Heartbeat::kContinue);
  storage.clock.advance_ms(20'000);
  EXPECT_TRUE(queue.expired(storage.clock.now_ms()).empty());
  EXPECT_EQ(queue.heartbeat("no such job"), Heartbeat::kLost);
}

TEST_F(JobQueueTest, AHeartbeatSoonAfterTheLastWritesNothing) {
  const Job job = add();
  ASSERT_TRUE(claim());
  const std::uint64_t before = events.commits();
  storage.clock.advance_ms(300);
  EXPECT_EQ(queue.heartbeat(job.id), Heartbeat::kContinue);
  EXPECT_EQ(events.commits(), before);
}

TEST_F(JobQueueTest, CancelEndsAQueuedJobAtOnce) {
  const Job job = add();
  const Job cancelled = queue.cancel(job.id);
  EXPECT_EQ(cancelled.state, JobState::kCancelled);
  EXPECT_EQ(cancelled.ended_at_ms, storage.clock.now_ms());
  EXPECT_FALSE(claim());
  EXPECT_EQ(event_types(job.id), (Types{"job.queued", "job.cancelled"}));
}

TEST_F(JobQueueTest, CancelAsksARunningJobToStop) {
  const Job job = add();
  ASSERT_TRUE(claim());
  EXPECT_EQ(queue.cancel(job.id).state, JobState::kRunning);
  EXPECT_EQ(queue.cancel(job.id).state, JobState::kRunning) << "asking twice is no error";
  EXPECT_EQ(queue.heartbeat(job.id), Heartbeat::kCancelRequested);
  storage.clock.advance_ms(25'000);
  EXPECT_EQ(queue.heartbeat(job.id), Heartbeat::kCancelRequested) << "also when it extends";
  EXPECT_TRUE(queue.cancelled(job.id));
  EXPECT_EQ(state(job.id), JobState::kCancelled);
  EXPECT_EQ(
      event_types(job.id),
      (Types{"job.queued", "job.started", "job.cancel_requested", "job.cancelled"}));
}

TEST_F(JobQueueTest, CancelOfAnEndedJobIsAConflict) {
  const Job done = add();
  claim();
  queue.complete(done.id, base::Json::object());
  const Job failed = add();
  claim();
  queue.fail(failed.id, "no");
  const Job cancelled = add();
  queue.cancel(cancelled.id);
  for (const Job& job : {done, failed, cancelled}) {
    const auto thrown = test::thrown_by([&] { queue.cancel(job.id); });
    EXPECT_EQ(thrown.code, base::ErrorCode::kConflict);
    EXPECT_EQ(thrown.reason, "job_state");
  }
  EXPECT_EQ(test::thrown_by([&] { queue.cancel("x"); }).reason, "job_not_found");
}

TEST_F(JobQueueTest, AFailedOrCancelledJobIsResumed) {
  const Job job = add();
  claim();
  EXPECT_EQ(test::thrown_by([&] { queue.resume(job.id); }).reason, "job_state");  // it runs
  queue.cancel(job.id);
  queue.cancelled(job.id);
  const Job resumed = queue.resume(job.id);
  EXPECT_EQ(resumed.state, JobState::kQueued);
  EXPECT_EQ(resumed.attempt, 0);
  EXPECT_FALSE(resumed.cancel_requested);
  EXPECT_FALSE(resumed.ended_at_ms.has_value());
  ASSERT_TRUE(claim());
  queue.fail(job.id, "no");
  EXPECT_EQ(queue.resume(job.id).state, JobState::kQueued);
  ASSERT_TRUE(claim());
  queue.complete(job.id, base::Json::object());
  EXPECT_EQ(test::thrown_by([&] { queue.resume(job.id); }).reason, "job_state");
  const Types types = event_types(job.id);
  EXPECT_EQ(std::count(types.begin(), types.end(), "job.resumed"), 2);
  EXPECT_EQ(test::thrown_by([&] { queue.resume("x"); }).reason, "job_not_found");
}

TEST_F(JobQueueTest, ReportsOfAJobThatIsLostWriteNothing) {
  const Job job = add();
  const auto nothing_works = [&] {
    EXPECT_FALSE(queue.record_worker(job.id, 1, "2"));
    EXPECT_FALSE(queue.record_progress(job.id, 1, 2, std::nullopt));
    EXPECT_FALSE(queue.record_metric(job.id, {{"step", 1}}));
    EXPECT_FALSE(queue.record_sample(job.id, {{"step", 1}}));
    EXPECT_FALSE(queue.record_memory(job.id, {{"peak_bytes", 1}}));
    EXPECT_FALSE(queue.complete(job.id, base::Json::object()));
    EXPECT_FALSE(queue.fail(job.id, "x"));
    EXPECT_FALSE(queue.cancelled(job.id));
    EXPECT_FALSE(queue.release(job.id, kWaitMemory));
    EXPECT_EQ(queue.heartbeat(job.id), Heartbeat::kLost);
  };
  nothing_works();  // queued
  claim();
  queue.fail(job.id, "first");
  const std::int64_t before = events.last();
  nothing_works();  // ended
  EXPECT_EQ(events.last(), before);
  EXPECT_EQ(queue.get(job.id).reason, "first");
}

TEST_F(JobQueueTest, ARunIsRecordedWithItsMetricsAndResult) {
  const Job job = add();
  claim();
  EXPECT_TRUE(queue.record_worker(job.id, 4711, "98765"));
  EXPECT_TRUE(queue.record_progress(job.id, 3, 10, 1.5));
  EXPECT_TRUE(queue.record_metric(job.id, {{"step", 1}, {"train_loss", 2.5}}));
  EXPECT_TRUE(queue.record_metric(job.id, {{"step", 2}, {"eval_loss", 2.25}}));
  EXPECT_TRUE(queue.record_memory(job.id, {{"peak_bytes", 2000}}));
  EXPECT_TRUE(queue.record_memory(job.id, {{"peak_bytes", 1000}}));
  Job now = queue.get(job.id);
  EXPECT_EQ(now.worker_pid, 4711);
  EXPECT_EQ(now.worker_started, "98765");
  EXPECT_EQ(now.progress->step, 3);
  EXPECT_EQ(now.progress->total, 10);
  EXPECT_EQ(now.progress->eta_seconds, 1.5);
  EXPECT_EQ(now.peak_bytes, 2000);
  const base::Json latest = base::Json::parse(now.metrics_json);
  EXPECT_EQ(latest, (base::Json{{"step", 2}, {"train_loss", 2.5}, {"eval_loss", 2.25}}));
  const auto reports = queue.metrics(job.id, 0, 10);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(base::Json::parse(reports[1])["eval_loss"], 2.25);
  EXPECT_EQ(base::Json::parse(reports[1])["ordinal"], 2);
  EXPECT_EQ(queue.metrics(job.id, 1, 10).size(), 1U);

  EXPECT_TRUE(queue.complete(job.id, {{"steps", 10}}, JobResult{"facts", 2, "vid"}));
  now = queue.get(job.id);
  EXPECT_EQ(now.state, JobState::kCompleted);
  ASSERT_TRUE(now.result);
  EXPECT_EQ(now.result->model, "facts");
  EXPECT_EQ(now.result->version, 2);
  EXPECT_EQ(now.result->version_id, "vid");
  EXPECT_EQ(base::Json::parse(now.result_json)["steps"], 10);
  EXPECT_FALSE(now.lease_until_ms);
  EXPECT_EQ(queue.counts(), (std::vector<std::int64_t>{0, 0, 1, 0, 0}));
}

TEST_F(JobQueueTest, AReleasedJobWaitsAndIsNotAnAttempt) {
  const Job job = add();
  claim();
  EXPECT_TRUE(queue.release(job.id, kWaitMemory, storage.clock.now_ms() + 2000));
  EXPECT_EQ(queue.get(job.id).reason, kWaitMemory);
  EXPECT_EQ(queue.get(job.id).attempt, 0);
  EXPECT_FALSE(claim()) << "held back until its time";
  storage.clock.advance_ms(2000);
  const auto again = claim();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt, 1);
}

TEST_F(JobQueueTest, AReleasedJobThatWasCancelledMeanwhileIsCancelled) {
  const Job job = add();
  claim();
  queue.cancel(job.id);
  EXPECT_TRUE(queue.release(job.id, kWaitMemory));
  EXPECT_EQ(state(job.id), JobState::kCancelled);
}

TEST_F(JobQueueTest, APausedQueueGivesNothingAlsoAfterARestart) {
  add();
  queue.pause();
  queue.pause();
  EXPECT_FALSE(claim());
  JobQueue restarted(storage.pool, storage.clock);
  EXPECT_TRUE(restarted.paused());
  EXPECT_FALSE(restarted.claim("w", storage.clock.now_ms()));
  restarted.unpause();
  EXPECT_TRUE(claim());
}

TEST_F(JobQueueTest, ACrashedAttemptWaitsAndCounts) {
  const Job job = add();
  claim();
  EXPECT_TRUE(queue.retry(job.id, "the worker ended", storage.clock.now_ms() + 5000));
  Job waiting = queue.get(job.id);
  EXPECT_EQ(waiting.state, JobState::kQueued);
  EXPECT_EQ(waiting.reason, kWaitRetry);
  EXPECT_EQ(waiting.last_error, "the worker ended");
  EXPECT_EQ(waiting.attempt, 1);
  EXPECT_FALSE(claim()) << "its time has not come";
  storage.clock.advance_ms(5000);
  const auto again = claim();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->attempt, 2);
  EXPECT_FALSE(queue.retry("01990000-0000-7000-8000-000000000000", "x", 0));
}

TEST_F(JobQueueTest, LooksAtTheNextWithoutTakingIt) {
  EXPECT_FALSE(queue.next(storage.clock.now_ms()));
  const Job first = add();
  const Job second = add();
  EXPECT_EQ(queue.next(storage.clock.now_ms())->id, first.id);
  EXPECT_EQ(state(first.id), JobState::kQueued);
  EXPECT_FALSE(queue.claim("w", storage.clock.now_ms(), kDeviceLane, 1, second.id))
      << "it is not its turn";
  EXPECT_EQ(queue.claim("w", storage.clock.now_ms(), kDeviceLane, 1, first.id)->id, first.id);
  EXPECT_FALSE(queue.next(storage.clock.now_ms())) << "the lane is taken";
  EXPECT_EQ(queue.next(storage.clock.now_ms(), kDeviceLane, 2)->id, second.id);
  EXPECT_EQ(queue.claim("w", storage.clock.now_ms(), kDeviceLane, 2)->id, second.id);
}

TEST_F(JobQueueTest, AFullQueueSaysNo) {
  JobQueue small(storage.pool, storage.clock, {.lease_ms = 30'000, .most_queued = 2});
  NewJob job;
  job.kind = "finetune";
  small.enqueue(job);
  small.enqueue(job);
  EXPECT_EQ(test::thrown_by([&] { small.enqueue(job); }).reason, "queue_full");
  EXPECT_EQ(test::thrown_by([&] { small.enqueue(job); }).code, base::ErrorCode::kRateLimited);
  claim();
  small.enqueue(job);  // one place is free again
}

TEST_F(JobQueueTest, OnlyEndedJobsAreRemoved) {
  const Job job = add();
  EXPECT_EQ(test::thrown_by([&] { queue.remove(job.id); }).reason, "job_state");
  queue.cancel(job.id);
  queue.remove(job.id);
  EXPECT_EQ(test::thrown_by([&] { queue.get(job.id); }).code, base::ErrorCode::kNotFound);
  EXPECT_EQ(test::thrown_by([&] { queue.metrics(job.id, 0, 1); }).reason, "job_not_found");
}

TEST_F(JobQueueTest, ListsNewestFirstByPageAndState) {
  std::vector<std::string> ids;
  ids.reserve(5);
  for (int i = 0; i < 5; ++i) {
    ids.push_back(add().id);
  }
  queue.cancel(ids[2]);
  JobFilter filter;
  filter.limit = 2;
  auto page = queue.list(filter);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, ids[4]);
  filter.before_sequence = page[1].sequence;
  page = queue.list(filter);
  EXPECT_EQ(page[0].id, ids[2]);
  JobFilter cancelled;
  cancelled.state = JobState::kCancelled;
  ASSERT_EQ(queue.list(cancelled).size(), 1U);
  JobFilter other;
  other.kind = "evaluate";
  EXPECT_TRUE(queue.list(other).empty());
}

TEST_F(JobQueueTest, WaitingSaysWhyOnce) {
  const Job job = add();
  EXPECT_TRUE(queue.waiting(job.id, kWaitWeights));
  EXPECT_TRUE(queue.waiting(job.id, kWaitWeights));
  EXPECT_EQ(queue.get(job.id).reason, kWaitWeights);
  EXPECT_EQ(event_types(job.id), (Types{"job.queued", "job.waiting"}));
}

}  // namespace
}  // namespace hub::jobs
