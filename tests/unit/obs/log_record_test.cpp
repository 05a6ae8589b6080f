#include "core/obs/log_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::obs::log {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string line(Format format, std::string_view event, Fields fields, Level level = Level::kInfo) {
  return format_record(
      format,
      {.time_ms = 0, .level = level, .event = event, .fields = {fields.begin(), fields.size()}});
}

TEST(LogRecord, TextQuotesOnlyWhatNeedsIt) {
  const std::string name = "a b";
  EXPECT_EQ(
      line(
          Format::kText,
          "model_loaded",
          {{"model", name}, {"id", "x1"}, {"rows", 3}, {"seconds", 1.5}, {"ok", true}, {"e", ""}},
          Level::kWarning),
      "1970-01-01T00:00:00.000Z warning model_loaded model=\"a b\" id=x1 rows=3 seconds=1.5 "
      "ok=true e=\"\"");
}

TEST(LogRecord, JsonBeginsWithTimeAndLevelAndKeepsTypes) {
  const std::array<Field, 4> fields{
      {{"n", std::uint64_t{18446744073709551615U}},
       {"m", -1},
       {"done", false},
       {"none", if_any("")}}};
  const Record record{
      .time_ms = 1,
      .level = Level::kError,
      .event = "job_failed",
      .process = "engine a",
      .job_id = "j1",
      .fields = fields};
  EXPECT_EQ(
      format_record(Format::kJson, record),
      R"({"time":"1970-01-01T00:00:00.001Z","level":"error","event":"job_failed",)"
      R"("process":"engine a","job_id":"j1","n":18446744073709551615,"m":-1,"done":false})");
}

TEST(LogRecord, NoTextBreaksTheLine) {
  const std::string evil = "one\ntwo\r\x1b[31m\x7f \xC2\x9B \"three\" \xff \xE2\x82";
  for (const Format format : {Format::kJson, Format::kText, Format::kPretty}) {
    const std::string text = line(format, evil, {{"text", evil}});
    for (const char letter : text) {
      EXPECT_GE(static_cast<unsigned char>(letter), 0x20) << text;
      EXPECT_NE(letter, '\x7f') << text;
    }
    EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos) << "a terminal takes it for an escape";
    EXPECT_EQ(text.find('\xff'), std::string::npos);
  }
  const base::Json parsed = base::parse_json(line(Format::kJson, "e", {{"text", evil}}), "line");
  EXPECT_EQ(parsed["text"], "one\ntwo\r\x1b[31m\x7f \xC2\x9B \"three\" \xEF\xBF\xBD \xEF\xBF\xBD");
}

TEST(LogRecord, LongTextsAreCut) {
  const std::string text = line(Format::kJson, "e", {{"text", std::string(100'000, 'x')}});
  EXPECT_LT(text.size(), kLongestText + 200);
  EXPECT_THAT(base::parse_json(text, "line")["text"].get<std::string>(), HasSubstr("xxx…"));
  // In the middle of a letter.
  std::string letters;
  while (letters.size() < kLongestText + 10) {
    letters += "€";
  }
  EXPECT_NO_THROW(base::parse_json(line(Format::kJson, "e", {{"text", letters}}), "line"));
}

TEST(LogRecord, NumbersThatJsonLacksAreNull) {
  EXPECT_THAT(
      line(Format::kJson, "e", {{"x", std::numeric_limits<double>::quiet_NaN()}}),
      HasSubstr("\"x\":null"));
}

TEST(LogRecord, SecretsAreStarredOut) {
  const std::string key = "mh-" + std::string(43, 'K');
  const std::string token = "hf_" + std::string(34, 'T');
  for (const Format format : {Format::kJson, Format::kText, Format::kPretty}) {
    const std::string text = line(
        format,
        "e",
        {{"path", "/models/" + key},
         {"key", key},
         {"error", "token " + token + " refused; Authorization: Bearer abc.def-1"},
         {"uri", "https://user:geheim@host:5000/x?y=a@b"},
         {"long", std::string(kLongestText - 10, 'x') + ' ' + key}});
    EXPECT_THAT(text, Not(HasSubstr("KKK")));
    EXPECT_THAT(text, Not(HasSubstr("TTT")));
    EXPECT_THAT(text, Not(HasSubstr("abc.def")));
    EXPECT_THAT(text, Not(HasSubstr("geheim")));
    EXPECT_THAT(text, HasSubstr("https://***@host:5000/x?y=a@b"));
  }
  EXPECT_EQ(
      without_secrets("model mh-small-instruct at http://host/a@b"),
      "model mh-small-instruct at http://host/a@b")
      << "names stay";
}

TEST(LogRecord, PrettyIsShortAndColouredOnlyWhenAsked) {
  const std::array<Field, 1> fields{{{"model", "a"}}};
  const Record record{
      .time_ms = 1500, .level = Level::kWarning, .event = "engine_lost", .fields = fields};
  EXPECT_EQ(
      format_record(Format::kPretty, record),
      "00:00:01.500 warning engine_lost            model=a");
  EXPECT_THAT(format_record(Format::kPretty, record, true), HasSubstr("\x1b[33mwarning\x1b[0m"));
  EXPECT_THAT(format_record(Format::kText, record, true), HasSubstr("\x1b[33mwarning\x1b[0m"));
  EXPECT_EQ(format_record(Format::kJson, record, true), format_record(Format::kJson, record));
}

TEST(LogRecord, ReadableIsTheTextOfAJsonLine) {
  const std::array<Field, 3> fields{{{"text", "a b"}, {"n", 1.5}, {"ok", true}}};
  const Record record{.time_ms = 7, .event = "e", .process = "engine x y", .fields = fields};
  const std::string json = format_record(Format::kJson, record);
  EXPECT_EQ(readable(json), format_record(Format::kText, record));
  EXPECT_EQ(
      readable(json, true),
      "1970-01-01T00:00:00.007Z info e process=\"engine x y\" text=\"a b\" n=1.5 ok=true");
  for (const char* other :
       {"", "terminate called", "{\"time\":1}", "{broken", "{}", R"({"level":"info"})"}) {
    EXPECT_EQ(readable(other), other);
  }
}

TEST(LogRecord, LevelNames) {
  EXPECT_EQ(level_from("warning"), Level::kWarning);
  EXPECT_THROW(level_from("loud"), base::Error);
}

}  // namespace
}  // namespace hub::obs::log
