#include "api/worker/rank_group.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

void ignore(std::string_view /*type*/, const base::Json& /*data*/) {}

// What ranks do together is tested by tests/integration/test_data_parallel.py.
TEST(RankGroupTest, WithoutABackendAWorkerIsAlone) {
  const train::ProcessGroup group = join_ranks("", 1, ignore);
  EXPECT_EQ(group.size(), 1);
  JobControl control;
  EXPECT_EQ(next_command(group, control), train::Command::kContinue);
  control.stop();
  EXPECT_EQ(next_command(group, control), train::Command::kStop);
}

TEST(RankGroupTest, TheRanksMustBeAsManyAsTheJobWants) {
  try {
    join_ranks("", 2, ignore);
    FAIL() << "joined";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.param(), "params.data_parallel");
    EXPECT_EQ(std::string(error.what()), "params.data_parallel is 2, but 1 ranks were started");
  }
}

TEST(RankGroupTest, ALostPeerIsNoFaultOfTheJob) {
  const base::Error lost = failure_of(std::runtime_error("[ring] connection to a peer was lost"));
  EXPECT_EQ(lost.code(), base::ErrorCode::kUnavailable);
  EXPECT_EQ(lost.reason(), "ranks_not_connected");
  const base::Error other = failure_of(std::runtime_error("[matmul] shapes"));
  EXPECT_EQ(other.code(), base::ErrorCode::kInternal);
  EXPECT_EQ(std::string(other.what()), "[matmul] shapes");
}

TEST(RankGroupTest, WhoFollowsNeitherReportsNorWrites) {
  train::TrainHooks hooks;
  hooks.reported = [](const train::StepReport&) {};
  hooks.evaluated = [](const train::EvalReport&) {};
  hooks.checkpoint = [](const train::TrainState&, const train::Trainable&) {};
  hooks.best = [](int, const train::Trainable&) {};
  hooks.skipped = [](const train::SkippedStep&) {};
  hooks.finished = [](int, const train::Trainable&) {};
  hooks.poll = [](int) { return train::Command::kContinue; };
  hooks.last_checkpoint = [] { return std::optional<train::TrainState>(); };
  follow(hooks);
  EXPECT_FALSE(
      hooks.reported || hooks.evaluated || hooks.checkpoint || hooks.best || hooks.skipped ||
      hooks.finished);
  EXPECT_TRUE(hooks.poll && hooks.last_checkpoint) << "which decide what it does";
}

}  // namespace
}  // namespace hub::api
