#include "core/obs/log.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "tests/support/temp_dir.h"

namespace hub::obs::log {
namespace {

using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  void TearDown() override { configure({}); }

  static std::uint64_t count(const Counts& counts, Level level) {
    return counts.by_level.at(static_cast<std::size_t>(level));
  }

  test::TempDir folder_;
};

TEST_F(LogTest, WritesFromItsLevelUpWhichMayChange) {
  configure({.level = Level::kWarning, .format = Format::kJson, .process = "server"});
  testing::internal::CaptureStderr();
  info("quiet");
  warning("loud", {{"a", 1}});
  set_level(Level::kDebug);
  debug("detail");
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, Not(HasSubstr("quiet")));
  EXPECT_THAT(written, HasSubstr(R"("event":"loud","process":"server","a":1})"));
  EXPECT_THAT(written, HasSubstr("detail"));
  EXPECT_EQ(written.back(), '\n');
  EXPECT_EQ(level(), Level::kDebug);
}

TEST_F(LogTest, CountsWhatItWritesByLevel) {
  const Counts before = counts();
  configure({.level = Level::kWarning});
  testing::internal::CaptureStderr();
  info("quiet");
  warning("loud");
  error("louder");
  error("louder");
  testing::internal::GetCapturedStderr();
  const Counts after = counts();
  EXPECT_EQ(count(after, Level::kDebug), count(before, Level::kDebug));
  EXPECT_EQ(count(after, Level::kInfo), count(before, Level::kInfo));
  EXPECT_EQ(count(after, Level::kWarning), count(before, Level::kWarning) + 1);
  EXPECT_EQ(count(after, Level::kError), count(before, Level::kError) + 2);
  EXPECT_EQ(after.not_filed, before.not_filed);
}

TEST_F(LogTest, TheFileHasJsonWhateverStandardErrorHas) {
  const auto file = folder_.path() / "logs" / "server.log";
  configure({.process = "server", .file = file});
  EXPECT_FALSE(std::filesystem::exists(file)) << "before the first record";
  testing::internal::CaptureStderr();
  info("one", {{"text", "a b"}});
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, HasSubstr("info one text=\"a b\"\n"));
  const base::Json record = base::parse_json(base::read_file(file), "line");
  EXPECT_EQ(record["event"], "one");
  EXPECT_EQ(record["process"], "server");
  EXPECT_EQ(record["text"], "a b");
}

#ifdef __linux__
TEST_F(LogTest, AFullDiskStopsNothingAndIsCounted) {
  const Counts before = counts();
  configure({.file = "/dev/full"});
  testing::internal::CaptureStderr();
  info("one");
  info("two");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("two"));
  EXPECT_EQ(counts().not_filed, before.not_filed + 2);
}
#endif

TEST_F(LogTest, AFolderThatCannotBeMadeIsCounted) {
  base::write_file_atomically(folder_.path() / "logs", "a file");
  const Counts before = counts();
  configure({.file = folder_.path() / "logs" / "server.log"});
  testing::internal::CaptureStderr();
  info("one");
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(counts().not_filed, before.not_filed + 1);
}

}  // namespace
}  // namespace hub::obs::log
