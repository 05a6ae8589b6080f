#include "api/handlers/dialect_errors.h"

#include <gtest/gtest.h>

#include "api/server/http_error.h"

namespace hub::api {
namespace {

Response shaped(const std::string& path, Response response) {
  Request request;
  request.path = path;
  request.request_id = "r1";
  shape_error(request, response);
  return response;
}

Response missing() {
  return error_response(
      base::Error(base::ErrorCode::kNotFound, "no 'x'", "model", "model_not_found"));
}

TEST(DialectErrors, HaveTheFormOfTheirRoute) {
  for (const char* path : {"/v1/messages", "/v1/messages/count_tokens"}) {
    const Response anthropic = shaped(path, missing());
    EXPECT_EQ(
        anthropic.body,
        "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"no 'x'\"},"
        "\"request_id\":\"r1\"}\n");
    EXPECT_EQ(anthropic.headers.at("request-id"), "r1");
    EXPECT_EQ(anthropic.status, 404);
  }
  EXPECT_EQ(shaped("/api/chat", missing()).body, "{\"error\":\"no 'x'\"}\n");
}

TEST(DialectErrors, OtherRoutesKeepOurOwn) {
  for (const char* path : {"/v1/chat/completions", "/v1/messages2", "/apis", "/tokenize", ""}) {
    EXPECT_EQ(shaped(path, missing()).body, missing().body) << path;
  }
}

TEST(DialectErrors, KeepWhatIsNoErrorOfOurs) {
  for (const char* body : {"", "no JSON", "[1]", R"({"error":"done already"})", R"({"a":1})"}) {
    Response response;
    response.status = 500;
    response.body = body;
    EXPECT_EQ(shaped("/api/chat", response).body, body);
  }
}

}  // namespace
}  // namespace hub::api
