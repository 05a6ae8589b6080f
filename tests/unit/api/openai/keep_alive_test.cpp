#include "api/openai/keep_alive.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

std::optional<double> read(const std::string& value) {
  const base::Json body = base::parse_json("{\"keep_alive\":" + value + "}", "request body");
  return read_keep_alive(base::JsonReader(body));
}

TEST(KeepAlive, SecondsOrATimeWithUnits) {
  constexpr double for_ever = std::numeric_limits<double>::infinity();
  EXPECT_EQ(read("300"), 300.0);
  EXPECT_EQ(read("0.5"), 0.5);
  EXPECT_EQ(read("0"), 0.0);
  EXPECT_EQ(read("-1"), for_ever);
  EXPECT_EQ(read(R"("90")"), 90.0);
  EXPECT_EQ(read(R"("5m")"), 300.0);
  EXPECT_EQ(read(R"("1h30m")"), 5400.0);
  EXPECT_EQ(read(R"("1.5h")"), 5400.0);
  EXPECT_EQ(read(R"("500ms")"), 0.5);
  EXPECT_EQ(read(R"("-1")"), for_ever);
  EXPECT_EQ(read(R"("-5m")"), for_ever);
  EXPECT_EQ(read("null"), std::nullopt);
  const base::Json nothing = base::Json::object();
  EXPECT_EQ(read_keep_alive(base::JsonReader(nothing)), std::nullopt);
}

TEST(KeepAlive, WhatIsNoTimeIsRefusedByName) {
  for (const char* value :
       {"true",
        "[]",
        R"("")",
        R"("-")",
        R"("soon")",
        R"("5 m")",
        R"("5m3")",
        R"("m")",
        R"("nan")",
        R"("inf")",
        R"("--5")",
        R"("5d")"}) {
    try {
      static_cast<void>(read(value));
      ADD_FAILURE() << value;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
      EXPECT_EQ(error.param(), "keep_alive");
    }
  }
}

}  // namespace
}  // namespace hub::api
