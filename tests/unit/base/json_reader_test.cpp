#include "core/base/json_reader.h"

#include <cstdint>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The Error that `read` throws; fails the test when there is none.
Error error_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, ""};
}

TEST(ParseJson, SaysWhereItStopped) {
  const Error error = error_of([] { parse_json("{\"a\": tru", "the request body"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "invalid_json");
  EXPECT_THAT(
      error.what(), HasSubstr("the request body is not valid JSON: stopped at byte 9 of 9"));
}

TEST(ParseJson, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(error_of([] { parse_json("\"\xff\"", "body"); }).reason(), "invalid_json");
}

TEST(ParseJson, RefusesNestingThatWouldOverflowTheStack) {
  const std::string deep = std::string(1'000'000, '[');
  EXPECT_THAT(error_of([&] { parse_json(deep, "body"); }).what(), HasSubstr("at most 128 levels"));
  EXPECT_NO_THROW(parse_json(std::string(128, '[') + std::string(128, ']'), "body"));
  // Brackets in strings are text, also behind an escaped quote.
  EXPECT_NO_THROW(parse_json("\"\\\"" + std::string(1000, '[') + "\"", "body"));
}

TEST(ParseJson, RefusesNumbersThatNoDoubleHolds) {
  const Error error = error_of([] { parse_json(R"({"temperature":1e999})", "the request body"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "invalid_json");
}

TEST(JsonReader, ObjectsOfAnArrayKnowTheirPaths) {
  const Json json = parse_json(R"({"tools":[{"name":"a"},{"name":1}],"mixed":[{},2]})", "body");
  const JsonReader reader(json, "request");
  EXPECT_TRUE(reader.optional_objects("absent").empty());
  const auto tools = reader.optional_objects("tools");
  ASSERT_EQ(tools.size(), 2U);
  EXPECT_EQ(tools[0].string("name"), "a");
  EXPECT_EQ(
      error_of([&] { static_cast<void>(tools[1].string("name")); }).param(),
      "request.tools[1].name");
  EXPECT_THAT(
      error_of([&] { static_cast<void>(reader.optional_objects("mixed")); }).what(),
      HasSubstr("request.mixed[1]"));
}

TEST(JsonReader, IntegersStayWithinTheirRangeAtItsEnds) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  const Json json = parse_json(
      R"({"most":9223372036854775807,"beyond":9223372036854775808,"far":1e19,"least":-9223372036854775808,
          "float":9223372036854775808.0,"half":4611686018427387904})",
      "test");
  const JsonReader reader(json);
  EXPECT_EQ(reader.optional_int("most", least, most), most);
  EXPECT_EQ(reader.optional_int("least", least, most), least);
  for (const char* key : {"beyond", "far", "float"}) {
    EXPECT_EQ(
        error_of([&] { static_cast<void>(reader.optional_int(key, least, most)); }).param(), key);
  }
  // As a double, the limit and what is one beyond it are the same.
  EXPECT_EQ(
      error_of([&] { static_cast<void>(reader.optional_int("half", 0, most / 2)); }).param(),
      "half");
}

TEST(JsonReader, ReadsWhatIsThereAndNullCountsAsAbsent) {
  const Json json =
      parse_json(R"({"s":"x","b":true,"i":3,"f":2.0,"n":null,"l":["a","b"],"o":{}})", "test");
  const JsonReader reader(json);
  EXPECT_EQ(reader.string("s"), "x");
  EXPECT_EQ(reader.optional_bool("b"), true);
  EXPECT_EQ(reader.optional_int("i", 0, 9), 3);
  EXPECT_EQ(reader.optional_int("f", 0, 9), 2);
  EXPECT_EQ(reader.optional_number("i", 0, 9), 3.0);
  EXPECT_THAT(*reader.optional_strings("l"), ElementsAre("a", "b"));
  EXPECT_NE(reader.optional_object("o"), nullptr);
  EXPECT_FALSE(reader.has("n"));
  EXPECT_EQ(reader.optional_string("n"), std::nullopt);
  EXPECT_EQ(reader.optional_int("none", 0, 1), std::nullopt);
}

TEST(JsonReader, TellsNullFromAbsent) {
  const Json json = {{"none", nullptr}, {"one", 1}};
  const JsonReader reader(json);
  EXPECT_TRUE(reader.is_null("none"));
  EXPECT_FALSE(reader.is_null("one"));
  EXPECT_FALSE(reader.is_null("other"));
}

TEST(JsonReader, NamesPathWantedAndGot) {
  const Json json = parse_json(R"({"s":5,"i":1.5,"big":99,"l":["a",7],"o":[]})", "test");
  const JsonReader reader(json, "params");
  const Error missing = error_of([&] { static_cast<void>(reader.string("none")); });
  EXPECT_EQ(missing.param(), "params.none");
  EXPECT_STREQ(missing.what(), "'params.none' is required");
  EXPECT_STREQ(
      error_of([&] { static_cast<void>(reader.string("s")); }).what(),
      "'params.s' must be a string, got 5");
  EXPECT_STREQ(
      error_of([&] { static_cast<void>(reader.optional_int("i", 0, 9)); }).what(),
      "'params.i' must be an integer from 0 to 9, got 1.5");
  EXPECT_THAT(
      error_of([&] { static_cast<void>(reader.optional_int("big", 0, 9)); }).what(),
      HasSubstr("got 99"));
  EXPECT_THAT(
      error_of([&] { static_cast<void>(reader.optional_number("s", 6, 9)); }).what(),
      HasSubstr("from 6 to 9"));
  EXPECT_EQ(
      error_of([&] { static_cast<void>(reader.optional_strings("l")); }).param(), "params.l[1]");
  EXPECT_THAT(
      error_of([&] { static_cast<void>(reader.optional_object("o")); }).what(),
      HasSubstr("an object"));
  EXPECT_THAT(
      error_of([&] { static_cast<void>(reader.optional_bool("s")); }).what(),
      HasSubstr("true or false"));
}

TEST(JsonReader, RefusesUnknownFieldsAndOtherThanObjects) {
  const Json json = parse_json(R"({"name":"x","nmae":"y"})", "test");
  const Error unknown = error_of([&] { JsonReader(json).refuse_unknown({"name", "tags"}); });
  EXPECT_EQ(unknown.param(), "nmae");
  EXPECT_THAT(unknown.what(), HasSubstr("known are: name, tags"));
  const Json list = parse_json("[1]", "test");
  EXPECT_THAT(
      error_of([&] { JsonReader reader(list); }).what(),
      HasSubstr("must be a JSON object, got [1]"));
}

TEST(JsonReader, CutsLongValuesInMessages) {
  const Json json = {{"i", std::string(5000, 'x')}};
  EXPECT_LT(
      std::string(
          error_of([&] { static_cast<void>(JsonReader(json).optional_int("i", 0, 1)); }).what())
          .size(),
      200U);
}

}  // namespace
}  // namespace hub::base
