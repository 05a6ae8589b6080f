#include "core/hub/rank_processes.h"

#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/channel.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

// Ranks that are shell scripts; $RANK is its number.
class RankProcessesTest : public testing::Test {
 protected:
  void start(const std::vector<std::string>& scripts, bool elsewhere = false) {
    RankProcesses::Options options;
    for (std::size_t rank = 0; rank < scripts.size(); ++rank) {
      RankLaunch launch;
      launch.command = {folder_.write_script(fmt::format("rank{}", rank), scripts[rank]).string()};
      launch.environment = {fmt::format("RANK={}", rank)};
      launch.elsewhere = elsewhere && rank > 0;
      options.launches.push_back(launch);
    }
    options.spec = R"({"job_id": "j"})";
    options.log_file = folder_.path() / "log.txt";
    options.on_event = [this](int rank, const base::Json& event) {
      static_cast<void>(events_.try_push(fmt::format("{} {}", rank, event.dump())));
    };
    options.on_end = [this](const RanksEnd& end) { static_cast<void>(ends_.try_push(end)); };
    ranks_.emplace(std::move(options));
  }
  // As a supervisor does: looks now and then.
  std::optional<RanksEnd> wait_for_end(double most_seconds) {
    const double deadline = base::steady_seconds() + most_seconds;
    while (base::steady_seconds() < deadline) {
      ranks_->end_late();
      if (auto end = ends_.pop_for(std::chrono::milliseconds(20))) {
        return end;
      }
    }
    return std::nullopt;
  }

  test::TempDir folder_;
  base::Channel<std::string> events_{100};
  base::Channel<RanksEnd> ends_{2};
  std::optional<RankProcesses> ranks_;
};

constexpr const char* kEndless = "exec sleep 1000\n";

TEST_F(RankProcessesTest, EndsWellOnceAllHave) {
  start({"exit 0\n", "sleep 0.3; echo late >&2; exit 0\n"});
  const auto end = wait_for_end(20);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->rank, 0);
  EXPECT_TRUE(end->status.success());
  EXPECT_EQ(base::read_file(folder_.path() / "log.rank1.txt"), "late\n");
}

TEST_F(RankProcessesTest, OneThatIsKilledEndsTheOthersAtOnce) {
  start({kEndless, "kill -9 $$\n", kEndless});
  const auto end = ends_.pop_for(seconds(20));  // though nobody looks
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->rank, 1);
  EXPECT_EQ(end->status.signal, SIGKILL);
}

TEST_F(RankProcessesTest, OneThatIsKilledExplainsWhatTheOthersSaidBefore) {
  start({"echo '{\"v\":1,\"type\":\"error\"}'; exit 1\n", "sleep 0.3; kill -9 $$\n"});
  const auto end = wait_for_end(20);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->rank, 1);
  EXPECT_EQ(end->status.signal, SIGKILL);
}

TEST_F(RankProcessesTest, OneThatFailsLetsTheOthersSayWhyFirst) {
  start({"sleep 0.1; echo '{\"v\":1,\"type\":\"error\"}'; exit 1\n", "exit 1\n", kEndless});
  const auto end = wait_for_end(20);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->rank, 1);
  EXPECT_EQ(end->status.code, 1);
  EXPECT_EQ(events_.pop_for(seconds(1)), R"(0 {"v":1,"type":"error"})");
}

TEST_F(RankProcessesTest, CommandsGoToTheFirstAndEventsSayWhose) {
  start(
      {"read line; echo \"$line\"; exit 0\n",
       "echo \"{\\\"v\\\":1,\\\"type\\\":\\\"log\\\",\\\"rank\\\":\\\"$RANK\\\"}\"; exit 0\n"});
  EXPECT_EQ(events_.pop_for(seconds(10)), R"(1 {"v":1,"type":"log","rank":"1"})");
  EXPECT_TRUE(ranks_->send("stop", base::Json::object()));
  EXPECT_EQ(events_.pop_for(seconds(10)), R"(0 {"v":1,"type":"stop"})");
  EXPECT_TRUE(wait_for_end(20).has_value());
}

TEST_F(RankProcessesTest, OnAnotherMachineTheSpecificationComesByTheConnection) {
  start({"exit 0\n", "read line; echo \"$line\"; exit 0\n"}, true);
  EXPECT_EQ(events_.pop_for(seconds(10)), R"(1 {"v":1,"type":"specification","job_id":"j"})");
  EXPECT_TRUE(wait_for_end(20).has_value());
}

TEST_F(RankProcessesTest, OneThatCannotBeStartedLeavesNone) {
  RankProcesses::Options options;
  options.launches = {
      {.command = {folder_.write_script("fine", kEndless).string()}, .environment = {}},
      {.command = {"/no/such/program"}, .environment = {}}};
  options.on_event = [](int, const base::Json&) {};
  options.on_end = [](const RanksEnd&) { FAIL() << "nobody waits"; };
  EXPECT_THROW(RankProcesses{std::move(options)}, base::Error);
}

TEST_F(RankProcessesTest, WhenItGoesSoDoTheRanks) {
  start({kEndless, "trap '' TERM; while true; do sleep 0.1; done\n"});
  const double began = base::steady_seconds();
  ranks_.reset();
  EXPECT_LT(base::steady_seconds() - began, 30.0);
}

TEST(RankLogs, HaveTheRankInTheirName) {
  EXPECT_EQ(RankProcesses::log_file_of("/jobs/a/log.txt", 0), "/jobs/a/log.txt");
  EXPECT_EQ(RankProcesses::log_file_of("/jobs/a/log.txt", 2), "/jobs/a/log.rank2.txt");
  EXPECT_EQ(RankProcesses::log_file_of("", 1), "");
}

}  // namespace
}  // namespace hub::hub
