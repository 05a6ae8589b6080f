#include "api/handlers/dialect_errors.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "core/base/json.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"
#include "tests/unit/api/server/unpack.h"

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

TEST(DialectErrors, ALongOneHasItPackedToo) {
  const auto refuse = [](const Request&) -> Response {
    throw base::Error(
        base::ErrorCode::kNotFound, std::string(3000, 'x'), "model", "model_not_found");
  };
  Server::Options options = test::loopback_options();
  options.shape_error = shape_error;
  const test::TestServer server(
      {test::route("POST", "/v1/messages", refuse), test::route("POST", "/api/chat", refuse)},
      options);
  const auto packed = [&server](const std::string& path) {
    test::RawClient client(server.port());
    client.send(
        "POST " + path +
        " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nX-Request-Id: r1\r\n"
        "Content-Length: 0\r\n\r\n");
    return client.read_answer();
  };
  const auto body_of = [](const std::string& answer) {
    return base::Json::parse(test::unpack(answer.substr(answer.find("\r\n\r\n") + 4), 10'000));
  };
  const std::string anthropic = packed("/v1/messages");
  ASSERT_THAT(anthropic, testing::HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_THAT(anthropic, testing::HasSubstr("\r\nrequest-id: r1\r\n"));
  EXPECT_EQ(body_of(anthropic)["type"], "error");
  EXPECT_EQ(body_of(anthropic)["error"]["type"], "not_found_error");
  const std::string ollama = packed("/api/chat");
  ASSERT_THAT(ollama, testing::HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_EQ(body_of(ollama)["error"], std::string(3000, 'x'));
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
