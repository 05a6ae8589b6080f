#include "api/openai/field_names.h"

#include <array>

#include <gtest/gtest.h>

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<FieldName, 2> kNames{
    {{"stop", "stop_sequences"}, {"response_format", "format"}}};

TEST(FieldNames, TellTheClientsOwnName) {
  const Error error = with_field_names(
      Error(ErrorCode::kInvalidArgument, "'stop' may hold 16 strings", "stop", "why"), kNames);
  EXPECT_STREQ(error.what(), "'stop_sequences' may hold 16 strings");
  EXPECT_EQ(error.param(), "stop_sequences");
  EXPECT_EQ(error.reason(), "why");
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
}

TEST(FieldNames, TellWhatLiesWithinAField) {
  const Error error = with_field_names(
      Error(
          ErrorCode::kInvalidArgument, "'response_format.type' and 'stop'", "response_format.type"),
      kNames);
  EXPECT_STREQ(error.what(), "'format.type' and 'stop'");
  EXPECT_EQ(error.param(), "format.type");
}

TEST(FieldNames, LeaveOtherFieldsAlone) {
  for (const char* param : {"stop_token_ids", "temperature", ""}) {
    const std::string message = std::string("'") + param + "' is wrong";
    const Error error =
        with_field_names(Error(ErrorCode::kInvalidArgument, message, param), kNames);
    EXPECT_EQ(error.what(), message);
    EXPECT_EQ(error.param(), param);
  }
}

}  // namespace
}  // namespace hub::api
