#include "core/obs/log.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::obs::log {
namespace {

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  const std::string name = "a b";
  EXPECT_EQ(
      format_record(
          Format::kText,
          Level::kWarning,
          0,
          "model_loaded",
          {{"model", name}, {"id", "x1"}, {"rows", 3}, {"seconds", 1.5}, {"ok", true}, {"e", ""}}),
      "1970-01-01T00:00:00.000Z warning model_loaded model=\"a b\" id=x1 rows=3 seconds=1.5 "
      "ok=true e=\"\"");
}

TEST(Log, TextNeverBreaksTheLine) {
  EXPECT_EQ(
      format_record(Format::kText, Level::kInfo, 0, "e", {{"text", "one\ntwo \"three\""}}),
      "1970-01-01T00:00:00.000Z info e text=\"one\\ntwo \\\"three\\\"\"");
}

TEST(Log, JsonKeepsTypesAndSurvivesBrokenUtf8) {
  const std::string line = format_record(
      Format::kJson,
      Level::kError,
      1,
      "job_failed",
      {{"n", std::uint64_t{18446744073709551615U}}, {"text", "\xff"}, {"done", false}});
  const base::Json parsed = base::parse_json(line, "line");
  EXPECT_EQ(parsed["event"], "job_failed");
  EXPECT_EQ(parsed["level"], "error");
  EXPECT_EQ(parsed["n"], 18446744073709551615U);
  EXPECT_EQ(parsed["done"], false);
  EXPECT_EQ(parsed["text"], "\xEF\xBF\xBD");
}

TEST(Log, WritesFromItsLevelUp) {
  configure(Level::kWarning, Format::kJson);
  testing::internal::CaptureStderr();
  info("quiet");
  warning("loud", {{"a", 1}});
  const std::string written = testing::internal::GetCapturedStderr();
  configure(Level::kInfo, Format::kText);
  EXPECT_EQ(written.find("quiet"), std::string::npos);
  EXPECT_NE(written.find(R"("event":"loud","a":1})"), std::string::npos);
  EXPECT_EQ(written.back(), '\n');
}

TEST(Log, CountsWhatItWritesByLevel) {
  const Counts before = counts();
  configure(Level::kWarning, Format::kText);
  testing::internal::CaptureStderr();
  info("quiet");
  warning("loud");
  error("louder");
  error("louder");
  testing::internal::GetCapturedStderr();
  configure(Level::kInfo, Format::kText);
  const Counts after = counts();
  const auto written = [&](Level level) {
    const auto index = static_cast<std::size_t>(level);
    return after.by_level.at(index) - before.by_level.at(index);
  };
  EXPECT_EQ(written(Level::kDebug), 0U);
  EXPECT_EQ(written(Level::kInfo), 0U);
  EXPECT_EQ(written(Level::kWarning), 1U);
  EXPECT_EQ(written(Level::kError), 2U);
}

TEST(Log, LevelNames) {
  EXPECT_EQ(level_from("warning"), Level::kWarning);
  EXPECT_THROW(level_from("loud"), base::Error);
}

}  // namespace
}  // namespace hub::obs::log
