#include "api/openai/field_names.h"

#include <array>

#include <gtest/gtest.h>

#include "core/base/busy_error.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<FieldName, 3> kNames{
    {{"stop", "stop_sequences"},
     {"response_format", "format"},
     {"tools[].function.parameters", "tools[].input_schema"}}};

TEST(FieldNames, TellTheClientsOwnName) {
  const auto error = with_field_names(
      Error(ErrorCode::kInvalidArgument, "'stop' may hold 16 strings", "stop", "why"), kNames);
  ASSERT_TRUE(error);
  EXPECT_STREQ(error->what(), "'stop_sequences' may hold 16 strings");
  EXPECT_EQ(error->param(), "stop_sequences");
  EXPECT_EQ(error->reason(), "why");
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
}

TEST(FieldNames, TellWhatLiesWithinAField) {
  const auto error = with_field_names(
      Error(
          ErrorCode::kInvalidArgument, "'response_format.type' and 'stop'", "response_format.type"),
      kNames);
  ASSERT_TRUE(error);
  EXPECT_STREQ(error->what(), "'format.type' and 'stop'");
  EXPECT_EQ(error->param(), "format.type");
}

TEST(FieldNames, LeaveOtherFieldsAlone) {
  for (const char* param : {"stop_token_ids", "temperature", "tools[0]", ""}) {
    const std::string message = std::string("'") + param + "' is wrong";
    EXPECT_FALSE(with_field_names(Error(ErrorCode::kInvalidArgument, message, param), kNames))
        << param;
  }
}

TEST(FieldNames, KeepIndexes) {
  const auto error = with_field_names(
      Error(
          ErrorCode::kInvalidArgument,
          "'tools[12].function.parameters.type' is not 'tools[3].function.parameters'",
          "tools[12].function.parameters.type"),
      kNames);
  ASSERT_TRUE(error);
  EXPECT_STREQ(error->what(), "'tools[12].input_schema.type' is not 'tools[3].input_schema'");
  EXPECT_EQ(error->param(), "tools[12].input_schema.type");
}

TEST(FieldNames, AnErrorAboutNoFieldStaysWhatItIs) {
  try {
    read_translated(kNames, []() -> int {
      throw base::BusyError(ErrorCode::kUnavailable, "later", "queue_full", 20);
    });
    FAIL();
  } catch (const base::BusyError& busy) {
    EXPECT_EQ(busy.retry_after_s(), 20);
  }
}

}  // namespace
}  // namespace hub::api
