#include "api/worker/job_control.h"

#include <future>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

base::Json command(const char* type) {
  return {{"v", 1}, {"type", type}};
}

TEST(JobControlTest, GoesOnUntilToldOtherwise) {
  JobControl control;
  EXPECT_EQ(control.next(), train::Command::kContinue);
  EXPECT_NO_THROW(control.check());
}

TEST(JobControlTest, TheLogLevelMayChangeMeanwhile) {
  JobControl control;
  base::Json change = command("log_level");
  change["level"] = "error";
  EXPECT_TRUE(control.handle(change));
  EXPECT_EQ(obs::log::level(), obs::log::Level::kError);
  change["level"] = "loud";
  EXPECT_THROW(control.handle(change), base::Error);
  obs::log::set_level(obs::log::Level::kInfo);
  EXPECT_EQ(control.next(), train::Command::kContinue);
}

TEST(JobControlTest, AnswersACheckpointOnce) {
  JobControl control;
  EXPECT_TRUE(control.handle(command("checkpoint")));
  EXPECT_EQ(control.next(), train::Command::kCheckpoint);
  EXPECT_EQ(control.next(), train::Command::kContinue);
}

TEST(JobControlTest, StopIsFinal) {
  JobControl control;
  EXPECT_TRUE(control.handle(command("stop")));
  EXPECT_TRUE(control.handle(command("resume")));
  EXPECT_EQ(control.next(), train::Command::kStop);
  EXPECT_EQ(control.next(), train::Command::kStop);
  try {
    control.check();
    FAIL() << "went on";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCancelled);
  }
}

TEST(JobControlTest, PauseHoldsUntilResume) {
  JobControl control;
  control.handle(command("pause"));
  auto waiting = std::async(std::launch::async, [&] { return control.next(); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  control.handle(command("resume"));
  EXPECT_EQ(waiting.get(), train::Command::kContinue);
}

TEST(JobControlTest, APausedJobStillSavesAndStops) {
  JobControl control;
  control.handle(command("pause"));
  control.handle(command("checkpoint"));
  EXPECT_EQ(control.next(), train::Command::kCheckpoint);
  auto waiting = std::async(std::launch::async, [&] { return control.next(); });
  control.handle(command("stop"));
  EXPECT_EQ(waiting.get(), train::Command::kStop);
}

TEST(JobControlTest, LookingWaitsForNothing) {
  JobControl control;
  EXPECT_EQ(control.look(), train::Command::kContinue);
  control.handle(command("pause"));
  EXPECT_EQ(control.look(), std::nullopt);
  control.handle(command("checkpoint"));
  EXPECT_EQ(control.look(), train::Command::kCheckpoint);
  EXPECT_EQ(control.look(), std::nullopt);
  control.stop();
  EXPECT_EQ(control.look(), train::Command::kStop);
}

TEST(JobControlTest, DoesNotKnowAnEnginesCommands) {
  JobControl control;
  EXPECT_FALSE(control.handle(command("attach")));
  EXPECT_EQ(control.next(), train::Command::kContinue);
}

}  // namespace
}  // namespace hub::api
