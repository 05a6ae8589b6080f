#include "api/anthropic/error_form.h"

#include <map>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace hub::api {
namespace {

TEST(AnthropicError, TypesOfStatuses) {
  const std::map<int, std::string_view> wanted{
      {400, "invalid_request_error"},
      {401, "authentication_error"},
      {403, "permission_error"},
      {404, "not_found_error"},
      {409, "invalid_request_error"},
      {413, "request_too_large"},
      {415, "invalid_request_error"},
      {422, "invalid_request_error"},
      {429, "rate_limit_error"},
      {500, "api_error"},
      {501, "api_error"},
      {503, "overloaded_error"},
      {504, "timeout_error"},
      {529, "overloaded_error"}};
  for (const auto& [status, type] : wanted) {
    EXPECT_EQ(anthropic_error_type(status), type) << status;
  }
}

TEST(AnthropicError, Form) {
  EXPECT_EQ(
      anthropic_error(404, "no \"x\"", "model_not_found", "r1"),
      R"({"type":"error","error":{"type":"not_found_error","message":"no \"x\""},"request_id":"r1"})");
  EXPECT_TRUE(base::Json::parse(anthropic_error(500, "a", "", ""))["request_id"].is_null());
}

TEST(AnthropicError, ALongPromptIsToldInTheWordsThatClientsLookFor) {
  const base::Json error =
      base::Json::parse(anthropic_error(400, "9 tokens", "context_length_exceeded", "r"));
  EXPECT_EQ(error["error"]["message"], "prompt is too long: 9 tokens");
}

}  // namespace
}  // namespace hub::api
