#include "api/server/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/http_error.h"
#include "core/base/error.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using test::RawClient;
using test::TestServer;
using ::testing::HasSubstr;
using ::testing::Not;

Request request(const std::string& method, const Headers& headers) {
  Request made;
  made.method = method;
  made.headers = headers;
  return made;
}

std::string refusal(const Guard& guard, const Request& made) {
  try {
    guard.check(made);
    return "";
  } catch (const base::Error& error) {
    return error.reason().empty() ? error.param() : error.reason();
  }
}

TEST(Guard, OnLoopbackOnlyItsOwnNamesAndThoseAllowedAreAnswered) {
  const Guard guard({.allowed_hosts = {"Hub.example.org"}, .allowed_origins = {}});
  for (const char* host :
       {"localhost", "127.0.0.1:8000", "[::1]:80", "LOCALHOST:1", "hub.EXAMPLE.org:9"}) {
    EXPECT_EQ(refusal(guard, request("GET", {{"Host", host}})), "") << host;
  }
  for (const char* host :
       {"evil.example.org",
        "192.0.2.1",
        "[2001:db8::1]",
        "localhost.evil.org",
        "127.0.0.1.evil.org",
        "localhost:80:90",
        "[::1",
        "hub.example.org.",
        "a@localhost"}) {
    EXPECT_EQ(refusal(guard, request("GET", {{"Host", host}})), "host_not_allowed") << host;
  }
  EXPECT_EQ(refusal(guard, request("GET", {})), "Host");
  EXPECT_EQ(
      refusal(guard, request("GET", {{"Host", "localhost"}, {"X-Hub-Model", "a"}})), "X-Hub-Model");
}

TEST(Guard, BeyondLoopbackAddressesAreNamesTooButNoOtherName) {
  const Guard guard({.allowed_hosts = {}, .any_address = true, .allowed_origins = {}});
  for (const char* host : {"192.0.2.1", "192.0.2.1:8000", "[2001:db8::1]:8000", "localhost"}) {
    EXPECT_EQ(refusal(guard, request("GET", {{"Host", host}})), "") << host;
  }
  for (const char* host :
       {"rebound.example.org", "192.0.2.1.nip.io", "192.0.2", "2001:db8::1", "[zz]"}) {
    EXPECT_EQ(refusal(guard, request("GET", {{"Host", host}})), "host_not_allowed") << host;
  }
}

TEST(Guard, PagesOfOtherOriginsChangeNothingUnlessAllowed) {
  const Guard guard({.allowed_hosts = {}, .allowed_origins = {"https://App.example.org"}});
  const auto sent_by = [](const std::string& method, const std::string& origin) {
    return request(method, {{"Host", "localhost:8000"}, {"Origin", origin}});
  };
  for (const char* origin :
       {"https://app.example.org", "http://localhost:8000", "https://localhost:8000"}) {
    EXPECT_EQ(refusal(guard, sent_by("POST", origin)), "") << origin;
  }
  for (const char* origin :
       {"https://evil.org",
        "null",
        "http://app.example.org",
        "https://app.example.org.evil.org",
        "http://localhost:3000"}) {
    EXPECT_EQ(refusal(guard, sent_by("POST", origin)), "origin_not_allowed") << origin;
    EXPECT_EQ(refusal(guard, sent_by("DELETE", origin)), "origin_not_allowed") << origin;
    EXPECT_EQ(refusal(guard, sent_by("GET", origin)), "") << "without CORS headers no page sees it";
    EXPECT_TRUE(guard.cors_headers(sent_by("GET", origin)).empty()) << origin;
  }
  const Headers allowed = guard.cors_headers(sent_by("GET", "https://app.example.org"));
  EXPECT_EQ(allowed.at("Access-Control-Allow-Origin"), "https://app.example.org");
  EXPECT_EQ(allowed.at("Vary"), "Origin");
  EXPECT_TRUE(guard.cors_headers(sent_by("GET", "http://localhost:8000")).empty()) << "same origin";
}

// The whole way: preflight, answers, errors and streams.
class Cors : public ::testing::Test {
 protected:
  static Server::Options options(const Guard& guard) {
    Server::Options made = test::loopback_options();
    made.admit = [&guard](Request& request) {
      request.answer_headers = guard.cors_headers(request);
      guard.check(request);
    };
    made.authorize = [](Request& request, const Route& route) {
      if (route.pattern == "/locked") {
        throw base::Error(base::ErrorCode::kUnauthenticated, "no key", {}, "missing_api_key");
      }
      request.key_name = "somebody";
    };
    return made;
  }
  std::string exchange(const std::string& head) {
    RawClient client(server_.port());
    client.send(head + "\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }

  Guard guard_{{.allowed_hosts = {}, .allowed_origins = {"https://app.example.org"}}};
  TestServer server_{
      {test::route(
           "POST",
           "/hello",
           [](const Request& request) {
             return json_response(200, "\"" + request.key_name + "\"");
           }),
       test::route(
           "GET",
           "/stream",
           [](const Request&) {
             Response response;
             response.stream = [](BodyWriter& out) { out.write("x"); };
             return response;
           }),
       test::route("GET", "/locked", [](const Request&) { return Response{}; })},
      options(guard_)};
};

TEST_F(Cors, APreflightIsAnsweredForAllowedOriginsOnly) {
  const std::string ask =
      "OPTIONS /hello HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization,x-a\r\nOrigin: ";
  const std::string allowed = exchange(ask + "https://app.example.org");
  EXPECT_THAT(allowed, HasSubstr("204 No Content"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Allow-Origin: https://app.example.org\r\n"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Allow-Methods: OPTIONS, POST\r\n"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Allow-Headers: authorization,x-a\r\n"));
  EXPECT_THAT(exchange(ask + "https://evil.org"), Not(HasSubstr("Access-Control")));
  const std::string odd = exchange(
      "OPTIONS /hello HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: <b>\r\nOrigin: https://app.example.org");
  EXPECT_THAT(odd, Not(HasSubstr("<b>")));
}

TEST_F(Cors, EveryKindOfAnswerCarriesTheHeaders) {
  for (const char* head :
       {"POST /hello HTTP/1.1\r\nContent-Length: 0",
        "GET /stream HTTP/1.1",
        "GET /locked HTTP/1.1",
        "GET /nowhere HTTP/1.1"}) {
    EXPECT_THAT(
        exchange(std::string(head) + "\r\nOrigin: https://app.example.org"),
        HasSubstr("Access-Control-Allow-Origin: https://app.example.org\r\n"))
        << head;
    EXPECT_THAT(exchange(head), Not(HasSubstr("Access-Control"))) << head;
  }
}

TEST_F(Cors, AuthorizationKnowsTheRouteAndReachesTheHandler) {
  EXPECT_THAT(exchange("POST /hello HTTP/1.1\r\nContent-Length: 0"), HasSubstr("\"somebody\""));
  const std::string locked = exchange("GET /locked HTTP/1.1");
  EXPECT_THAT(locked, HasSubstr("401 Unauthorized"));
  EXPECT_THAT(locked, HasSubstr("WWW-Authenticate: Bearer realm=\"mlx-hub\"\r\n"));
}

}  // namespace
}  // namespace hub::api
