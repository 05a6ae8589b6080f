#include "core/hub/job_runner.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/model_config/memory_estimate.h"
#include "core/obs/log.h"
#include "tests/unit/hub/job_runner_fixture.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGood = R"sh(
echo '{"v":1,"type":"progress","step":3,"total":5,"eta_seconds":1.5}'
echo '{"v":1,"type":"metric","step":3,"train_loss":1.25}'
echo '{"v":1,"type":"memory","resident_bytes":2000,"peak_bytes":3000}'
echo 'a word on standard error' >&2
echo '{"v":1,"type":"result","steps":5}'
)sh";

constexpr std::string_view kWaitsForStop = R"sh(
echo '{"v":1,"type":"progress","step":7,"total":9}'
read -r line
echo '{"v":1,"type":"error","code":"cancelled","message":"stopped"}'
exit 1
)sh";

TEST_F(JobRunnerTest, KeepsWhatAJobRanInByTheServersWordAndItsWorkers) {
  options_.server_facts = [] { return base::Json{{"hub", {{"version", "1"}}}}; };
  run_worker(
      "echo '{\"v\":1,\"type\":\"environment\",\"mlx\":{\"version\":\"0\"}}'\n" +
      std::string(kGood));
  const Job ended = wait_for_end(submit().id);
  const auto kept = queue_.environments(ended.id);
  ASSERT_EQ(kept.size(), 1U) << ended.reason;
  const auto environment = base::Json::parse(kept[0].json);
  EXPECT_EQ(environment["hub"]["version"], "1");
  EXPECT_EQ(environment["mlx"], (base::Json{{"version", "0"}}));
  EXPECT_FALSE(environment.contains("type"));
  EXPECT_TRUE(environment["inputs"].contains("base_digest"));
}

TEST_F(JobRunnerTest, WhatWasMadeWaitsForRoomToBeStored) {
  run_worker(kGood);
  const Job ended = wait_for_end(submit("no room").id);
  EXPECT_EQ(ended.state, JobState::kCompleted) << ended.reason;
}

TEST_F(JobRunnerTest, WhatCanNeverFitFailsWithTheFigures) {
  run_worker(kGood, 2U << 20U);
  const Job ended = wait_for_end(submit().id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("about 2 MiB and the memory budget is 1 MiB"));
}

TEST_F(JobRunnerTest, AMeasuredPeakNearTheBudgetDoesNotWaitForEver) {
  peaks_.record("kind echo", 1000, 1U << 20U);  // with its room on top this is over the budget
  run_worker(kGood);
  EXPECT_EQ(wait_for_end(submit("learns").id).state, JobState::kCompleted);
}

TEST_F(JobRunnerTest, ADeviceThatLowersTheBudgetLetsNoJobWaitForEver) {
  run_worker(kGood, 900U << 10U);
  auto holder = ledger_.reserve("engine", 500U << 10U);
  const Job job = submit();
  wait_until(job.id, [](const Job& waiting) { return waiting.reason == jobs::kWaitMemory; });
  ledger_.limit_budget(800U << 10U);
  const Job ended = wait_for_end(job.id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("the memory budget is 0 MiB"));
}

TEST_F(JobRunnerTest, RunsJobsOneAfterAnotherAndKeepsWhatTheyReport) {
  run_worker(kGood);
  const Job first = submit();
  const Job second = submit();
  const Job ended = wait_for_end(first.id);
  EXPECT_EQ(ended.state, JobState::kCompleted) << ended.reason;
  EXPECT_EQ(ended.progress->step, 3);
  EXPECT_EQ(ended.peak_bytes, 3000);
  EXPECT_THAT(ended.metrics_json, HasSubstr("1.25"));
  EXPECT_THAT(ended.result_json, HasSubstr("\"steps\":5"));
  const Job later = wait_for_end(second.id);
  EXPECT_EQ(later.state, JobState::kCompleted);
  EXPECT_GE(*later.started_at_ms, *ended.ended_at_ms);
  std::ifstream log(folder_.path() / "jobs" / first.id / "log.txt");
  const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("a word on standard error"));
  EXPECT_EQ(ledger_.reserved_bytes(), 0U);
}

TEST_F(JobRunnerTest, AKilledWorkersJobIsTriedAgainUntilItsAttemptsAreOver) {
  run_worker(kWaitsForStop);
  const Job job = submit();
  for (int attempt = 1; attempt <= 2; ++attempt) {
    const Job running = wait_until(
        job.id, [&](const Job& j) { return j.attempt == attempt && j.worker_pid && j.progress; });
    ASSERT_TRUE(running.worker_pid.has_value());
    ::kill(static_cast<pid_t>(*running.worker_pid), SIGKILL);
    if (attempt == 1) {
      const Job again = wait_until(job.id, [](const Job& j) { return !j.last_error.empty(); });
      EXPECT_THAT(again.last_error, HasSubstr("signal 9"));
    }
  }
  const Job ended = wait_for_end(job.id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_THAT(
      ended.reason,
      testing::AllOf(
          HasSubstr("signal 9"), HasSubstr("after step 7"), HasSubstr("after 2 attempts")));
}

TEST_F(JobRunnerTest, AWorkerWithoutProgressIsEndedAndItsJobTriedAgain) {
  options_.stall_seconds = 0.3;
  options_.max_attempts = 1;
  // Reports of memory come from another thread than the work: they are no progress.
  run_worker(
      "while sleep 0.05; do echo '{\"v\":1,\"type\":\"memory\",\"resident_bytes\":1}'; done\n");
  const Job ended = wait_for_end(submit().id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("no progress for 0.3 seconds"));
}

TEST_F(JobRunnerTest, GivesItsMemoryToServingAndGoesOnAfterwards) {
  options_.yield_seconds = 0.2;
  run_worker(R"sh(
echo '{"v":1,"type":"progress","step":1,"total":2}'
if [ -e "$(dirname "$3")/second" ]; then echo '{"v":1,"type":"result","steps":2}'; exit 0; fi
touch "$(dirname "$3")/second"
read -r first; read -r second
echo "$first $second" >&2
echo '{"v":1,"type":"error","code":"cancelled","message":"stopped"}'
exit 1
)sh");
  EXPECT_FALSE(runner_->yield()) << "nothing runs";
  const Job job = submit();
  wait_until(job.id, [](const Job& j) { return j.progress.has_value(); });
  EXPECT_TRUE(runner_->yield());
  const Job waiting =
      wait_until(job.id, [](const Job& j) { return j.reason == jobs::kWaitServing; });
  EXPECT_EQ(waiting.state, JobState::kQueued);
  const Job ended = wait_for_end(job.id);
  EXPECT_EQ(ended.state, JobState::kCompleted) << ended.reason;
  EXPECT_EQ(ended.attempt, 1) << "giving way is no attempt";
  std::ifstream log(folder_.path() / "jobs" / job.id / "log.txt");
  const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  EXPECT_LT(text.find("checkpoint"), text.find("\"stop\"")) << text;
}

TEST_F(JobRunnerTest, RestsWhileItIsHotAndGoesOn) {
  run_worker(R"sh(
echo '{"v":1,"type":"progress","step":1,"total":2}'
read -r first
echo '{"v":1,"type":"progress","step":1,"total":2}'
read -r second
echo "$first $second" >&2
echo '{"v":1,"type":"result","steps":2}'
)sh");
  const Job job = submit();
  wait_until(job.id, [](const Job& j) { return j.progress.has_value(); });
  runner_->set_resting(true);
  // The worker's second progress and the runner's event come in either order.
  wait_until(job.id, [&](const Job&) { return event_types(job.id).count("job.cooling") == 1; });
  wait_until(job.id, [&](const Job&) { return event_types(job.id).count("job.progress") == 2; });
  runner_->set_resting(false);
  EXPECT_EQ(wait_for_end(job.id).state, JobState::kCompleted);
  EXPECT_THAT(event_types(job.id), testing::IsSupersetOf({"job.cooling", "job.cooled"}));
  std::ifstream log(folder_.path() / "jobs" / job.id / "log.txt");
  const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  EXPECT_LT(text.find("\"pause\""), text.find("\"resume\"")) << text;
}

TEST_F(JobRunnerTest, AWorkerIsToldAnotherLogLevel) {
  run_worker(R"sh(
echo '{"v":1,"type":"progress","step":1,"total":2}'
read -r first
echo "$* $first" >&2
echo '{"v":1,"type":"result","steps":2}'
)sh");
  const Job job = submit();
  wait_until(job.id, [](const Job& j) { return j.progress.has_value(); });
  obs::log::set_level(obs::log::Level::kWarning);
  EXPECT_EQ(wait_for_end(job.id).state, JobState::kCompleted);
  obs::log::set_level(obs::log::Level::kInfo);
  std::ifstream log(folder_.path() / "jobs" / job.id / "log.txt");
  const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("--job-id " + job.id + " --log-format json --log-level info"));
  EXPECT_THAT(text, HasSubstr(R"("type":"log_level","level":"warning")"));
}

TEST_F(JobRunnerTest, LearnsWhatAJobReallyTook) {
  peaks_.record("echo", 1000, 2000);
  EXPECT_EQ(peaks_.corrected("echo", 1000), 2100U);
  EXPECT_EQ(peaks_.corrected("echo", 1'000'000), 100'000U) << "a short run misleads nobody";
  EXPECT_EQ(peaks_.corrected("other", 1000), 1000U);
  run_worker(kGood);
  wait_for_end(submit("learns").id);
  // kGood's arrays peaked at 3,000 bytes.
  EXPECT_EQ(
      peaks_.corrected("kind echo", 10),
      static_cast<std::uint64_t>(
          static_cast<double>(model_config::worker_bytes(3000)) * jobs::PeakMemory::kRoom));
}

TEST_F(JobRunnerTest, CancelStopsTheWorker) {
  run_worker(kWaitsForStop);
  const Job job = submit();
  wait_until(job.id, [](const Job& j) { return j.progress.has_value(); });
  queue_.cancel(job.id);
  EXPECT_EQ(wait_for_end(job.id).state, JobState::kCancelled);
}

TEST_F(JobRunnerTest, TheTimeLimitIsAFailureThatNamesIt) {
  run_worker(kWaitsForStop);
  const Job ended = wait_for_end(submit("m", 1).id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.reason, HasSubstr("limit of 1 seconds"));
}

TEST_F(JobRunnerTest, PassesOnTheWorkersReason) {
  run_worker(
      "echo '{\"v\":1,\"type\":\"error\",\"code\":\"unprocessable\",\"message\":\"loss is NaN at "
      "step 4\"}'\nexit 1\n");
  EXPECT_EQ(wait_for_end(submit().id).reason, "loss is NaN at step 4");
  EXPECT_EQ(wait_for_end(submit("unplannable").id).reason, "the base is not ready");
}

TEST_F(JobRunnerTest, AJobThatDoesNotFitNowWaitsWithTheReason) {
  const auto other = ledger_.reserve("somebody", 1U << 20U);
  run_worker(kGood);
  const Job job = submit();
  const Job waiting =
      wait_until(job.id, [](const Job& j) { return j.reason == jobs::kWaitMemory; });
  EXPECT_EQ(waiting.state, JobState::kQueued);
  EXPECT_EQ(waiting.reason, jobs::kWaitMemory);
}

TEST_F(JobRunnerTest, AfterTheHubStoppedTheJobGoesOnAtItsNextStart) {
  run_worker(kWaitsForStop);
  const Job job = submit();
  wait_until(job.id, [](const Job& j) { return j.progress.has_value(); });
  runner_->stop();
  const Job waiting = queue_.get(job.id);
  EXPECT_EQ(waiting.state, JobState::kQueued);
  EXPECT_EQ(waiting.attempt, 0);
  run_worker(kGood);
  EXPECT_EQ(wait_for_end(job.id).state, JobState::kCompleted);
}

TEST_F(JobRunnerTest, AJobOfADeadServerGoesOnAndItsWorkerIsEnded) {
  const Job job = submit();
  ASSERT_TRUE(queue_.claim("hub", clock_.now_ms()).has_value());
  // A worker that hangs: it does not end with its pipe.
  std::atomic<bool> ended = false;
  ChildProcess orphan(
      {.command = {"/bin/sleep", "60"},
       .log_file = {},
       .record_folder = {},
       .on_event = [](const base::Json&) {},
       .on_exit = [&](const ExitStatus& status) { ended = status.signal == SIGKILL; }});
  queue_.record_worker(job.id, orphan.pid(), std::to_string(orphan.start_time()));
  run_worker(kGood);
  EXPECT_EQ(wait_for_end(job.id).state, JobState::kCompleted);
  EXPECT_EQ(queue_.get(job.id).attempt, 1);
  for (int tries = 0; tries < 500 && !ended; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hub::hub
