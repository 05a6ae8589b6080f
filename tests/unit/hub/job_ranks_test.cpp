// JobRunner with jobs of several workers.
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/hub/job_runner_fixture.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;

using JobRanksTest = JobRunnerTest;

constexpr std::string_view kTwoGoodRanks = R"sh(
echo "{\"v\":1,\"type\":\"metric\",\"step\":1,\"rank\":\"$MLX_RANK\"}"
echo '{"v":1,"type":"memory","resident_bytes":200,"peak_bytes":3000}'
grep -o '"distributed": "[a-z]*"' "$3" >&2
if [ "$MLX_RANK" = 0 ]; then
  read -r line
  echo '{"v":1,"type":"memory","resident_bytes":250,"peak_bytes":3500}'
  echo '{"v":1,"type":"result","steps":5}'
fi
exit 0
)sh";

TEST_F(JobRanksTest, OfSeveralRanksTheFirstSpeaksAndAllCountAsMemory) {
  run_worker(kTwoGoodRanks);
  const Job job = submit("two ranks");
  // By then rank 1 has said what it takes, and waits for nobody.
  const auto other = folder_.path() / "jobs" / job.id / "log.rank1.txt";
  wait_until(job.id, [&](const Job&) {
    std::ifstream log(other);
    const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
    return text.find("\"distributed\": \"auto\"") != std::string::npos;
  });
  EXPECT_EQ(ledger_.reserved_bytes(), 2000U) << "twice the estimate";
  wait_until(job.id, [&](const Job&) { return event_types(job.id).count("job.memory") > 0; });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  runner_->set_resting(true);  // a command, for rank 0 alone
  const Job ended = wait_for_end(job.id);
  EXPECT_EQ(ended.state, JobState::kCompleted) << ended.reason;
  EXPECT_EQ(event_types(job.id).count("job.metric"), 1U);
  EXPECT_THAT(ended.metrics_json, HasSubstr(R"("rank":"0")"));
  EXPECT_EQ(ended.peak_bytes, 6500) << "3,500 and 3,000";
}

TEST_F(JobRanksTest, ARankThatDiesEndsTheOthersAndTheJobIsTriedAgain) {
  run_worker(R"sh(
echo '{"v":1,"type":"progress","step":3,"total":5}'
[ "$MLX_RANK" = 1 ] && sleep 0.2 && kill -9 $$
exec sleep 1000
)sh");
  const Job ended = wait_for_end(submit("two ranks").id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_THAT(
      ended.reason, testing::AllOf(HasSubstr("the worker of rank 1 ended"), HasSubstr("signal 9")));
}

TEST_F(JobRanksTest, WhatTheOthersSayOfOneThatDiedIsNotTheJobsReason) {
  run_worker(R"sh(
[ "$MLX_RANK" = 1 ] && sleep 0.3 && kill -9 $$
echo '{"v":1,"type":"error","code":"internal","message":"a peer was lost"}'
exit 1
)sh");
  const Job ended = wait_for_end(submit("two ranks").id);
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_THAT(
      ended.reason, testing::AllOf(HasSubstr("the worker of rank 1 ended"), HasSubstr("signal 9")));
}

TEST_F(JobRanksTest, TheReasonOfAnyRankIsTheJobs) {
  run_worker(R"sh(
[ "$MLX_RANK" = 0 ] && exec sleep 1000
echo '{"v":1,"type":"error","code":"unprocessable","message":"no row here"}'
exit 1
)sh");
  EXPECT_EQ(wait_for_end(submit("two ranks").id).reason, "no row here");
}

TEST_F(JobRanksTest, RanksThatDoNotFindEachOtherTryAgain) {
  run_worker(R"sh(
echo '{"v":1,"type":"error","code":"unavailable","message":"port taken","reason":"ranks_not_connected"}'
exit 1
)sh");
  const Job ended = wait_for_end(submit("two ranks").id);
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_THAT(ended.reason, HasSubstr("port taken; given up after 2 attempts"));
}

}  // namespace
}  // namespace hub::hub
