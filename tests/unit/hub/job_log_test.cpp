#include "core/hub/job_log.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/obs/log.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;
using testing::Not;

class JobLogTest : public testing::Test {
 protected:
  void TearDown() override { obs::log::configure({}); }

  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "log.txt"; }
  [[nodiscard]] std::string text() const { return base::read_file(file()); }

  test::TempDir folder_;
};

TEST_F(JobLogTest, EventsBecomeRecordsWithTheJobsId) {
  JobLog log("j1", file(), 1);
  log.event(
      0, "metric", {{"step", 3}, {"train_loss", 1.5}, {"parts", {{"a", 1}}}, {"no", nullptr}});
  const base::Json record = base::parse_json(text(), "line");
  EXPECT_EQ(record["event"], "metric");
  EXPECT_EQ(record["process"], "job j1");
  EXPECT_EQ(record["job_id"], "j1");
  EXPECT_EQ(record["step"], 3);
  EXPECT_EQ(record["train_loss"], 1.5);
  EXPECT_EQ(record["parts"], R"({"a":1})");
  EXPECT_FALSE(record.contains("no"));
  EXPECT_FALSE(record.contains("rank"));
}

TEST_F(JobLogTest, MessagesHaveTheirLevel) {
  JobLog log("j1", file(), 2);
  log.event(1, "log", {{"level", "warning"}, {"message", "one\ntwo"}});
  log.event(1, "log", {{"level", "shout"}, {"message", "three"}});
  const std::string lines = base::read_file(folder_.path() / "log.rank1.txt");
  EXPECT_THAT(lines, HasSubstr(R"("level":"warning","event":"message")"));
  EXPECT_THAT(lines, HasSubstr(R"("message":"one\ntwo","rank":1})"));
  EXPECT_THAT(lines, HasSubstr(R"("level":"info","event":"message")"));
  EXPECT_EQ(text(), "");
}

TEST_F(JobLogTest, SamplesAreToldWithoutTheirTextUnlessDebugged) {
  JobLog log("j1", file(), 1);
  const base::Json sample = {{"step", 1}, {"prompt", "secret plan"}, {"text", "secret answer"}};
  log.event(0, "sample", sample);
  EXPECT_THAT(text(), HasSubstr(R"("event":"sample")"));
  EXPECT_THAT(text(), Not(HasSubstr("secret")));
  obs::log::set_level(obs::log::Level::kDebug);
  log.event(0, "sample", sample);
  EXPECT_THAT(text(), HasSubstr("secret answer"));
}

TEST_F(JobLogTest, KeepsToTheLevel) {
  obs::log::set_level(obs::log::Level::kError);
  JobLog log("j1", file(), 1);
  log.event(0, "metric", {{"step", 1}});
  log.write(0, obs::log::Level::kError, "worker_error", {{"error", "e"}});
  EXPECT_THAT(text(), Not(HasSubstr("metric")));
  EXPECT_THAT(text(), HasSubstr("worker_error"));
}

TEST_F(JobLogTest, RotatesByItself) {
  JobLog log("j1", file(), 1, 2000);
  for (int i = 0; i < 200; ++i) {
    log.event(0, "metric", {{"step", i}});
  }
  EXPECT_LE(std::filesystem::file_size(file()), 2200U);
  EXPECT_TRUE(std::filesystem::exists(file().string() + ".3"));
  EXPECT_FALSE(std::filesystem::exists(file().string() + ".4"));
  EXPECT_THAT(base::read_file(file().string() + ".1") + text(), HasSubstr("\"step\":199"));
}

#ifdef __linux__
TEST_F(JobLogTest, AFullDiskIsCountedAndStopsNothing) {
  std::filesystem::create_symlink("/dev/full", file());
  const auto before = obs::log::counts().not_filed;
  JobLog log("j1", file(), 1);
  log.event(0, "metric", {{"step", 1}});
  log.event(0, "metric", {{"step", 2}});
  EXPECT_EQ(obs::log::counts().not_filed, before + 2);
}
#endif

}  // namespace
}  // namespace hub::hub
