#include "api/server/server.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/http.h"
#include "core/base/error.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using test::echo;
using test::hello;
using test::RawClient;
using test::route;
using test::TestServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Server, AnswersWithLengthTypeAndRequestId) {
  TestServer server({hello()});
  RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: abc-1\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Request-Id: abc-1\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n\"hello\"\n"));
}

TEST(Server, MakesARequestIdWhenNoneOrABadOneCame) {
  TestServer server({hello()});
  RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: bad id\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, HasSubstr("X-Request-Id: 0"));
  EXPECT_THAT(answer, Not(HasSubstr("bad id")));
}

TEST(Server, FailuresMayBeGivenAnotherForm) {
  Server::Options options = test::loopback_options();
  options.shape_error = [](const Request& request, Response& response) {
    response.body = "at " + request.path;
    response.headers["X-Shaped"] = "1";
  };
  TestServer server({hello()}, options);
  RawClient client(server.port());
  client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string refused = client.read_answer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(refused, HasSubstr("X-Shaped: 1\r\n"));
  EXPECT_THAT(refused, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_TRUE(refused.ends_with("\r\n\r\nat /none"));
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_answer(), Not(HasSubstr("X-Shaped")));
}

TEST(Server, KeepsAConnectionForSeveralRequestsInOnePacketAndInPieces) {
  TestServer server({hello(), echo()});
  RawClient client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n[1]"
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Len");
  EXPECT_TRUE(client.read_answer().ends_with("[1]\n"));
  EXPECT_TRUE(client.read_answer().ends_with("\"hello\"\n"));
  client.send("gth: 4\r\n\r\n\"x");
  client.send("y\"");
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\"xy\"\n"));
}

TEST(Server, ServesPipelinedRequestsOfAClientThatEndedItsInput) {
  TestServer server({hello()});
  RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  client.finish_sending();
  const std::string all = client.read_all();
  const std::size_t first = all.find("\"hello\"");
  EXPECT_NE(first, std::string::npos);
  EXPECT_NE(all.find("\"hello\"", first + 1), std::string::npos);
}

TEST(Server, TakesChunkedBodies) {
  TestServer server({echo()});
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n");
  client.send("2;name=value\r\n2]\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_TRUE(client.read_answer().ends_with("[1,2]\n"));
}

TEST(Server, SaysContinueBeforeABodyThatWaitsForIt) {
  TestServer server({echo()});
  RawClient client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("[]");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST(Server, RefusesInsteadOfContinueWhenTheAnswerIsKnown) {
  TestServer server({echo()});
  RawClient client(server.port());
  client.send(
      "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n"), StartsWith("HTTP/1.1 404"));
}

TEST(Server, AnswersHeadWithTheLengthButNoBody) {
  TestServer server({hello()});
  RawClient client(server.port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 8"));
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));  // nothing in between
}

TEST(Server, NamesTheMethodsOfAPath) {
  TestServer server({hello()});
  RawClient client(server.port());
  client.send("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string refused = client.read_answer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(refused, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(refused, HasSubstr(R"("type":"invalid_request_error")"));
  client.send("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string options = client.read_until("\r\n\r\n");
  EXPECT_THAT(options, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(options, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  client.send("BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 405"));
}

struct BadRequest {
  std::string name;
  std::string bytes;
  std::string status;
};

class ServerRefuses : public ::testing::TestWithParam<BadRequest> {};

TEST_P(ServerRefuses, WithAnErrorInTheContractsForm) {
  Server::Options options = test::loopback_options();
  options.body_limit_bytes = 100;
  options.header_limit_bytes = 4096;
  options.target_limit_bytes = 1000;
  TestServer server({hello(), echo(), route("POST", "/up", hello().handler, true)}, options);
  RawClient client(server.port());
  client.send(GetParam().bytes);
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + GetParam().status));
  EXPECT_THAT(answer, HasSubstr(R"({"error":{"message":")"));
  EXPECT_THAT(answer, HasSubstr(R"("param":)"));
  EXPECT_THAT(answer, HasSubstr("X-Request-Id: "));
  // The server lives on.
  RawClient next(server.port());
  next.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(next.read_answer(), StartsWith("HTTP/1.1 200"));
}

INSTANTIATE_TEST_SUITE_P(
    Malformed,
    ServerRefuses,
    ::testing::Values(
        BadRequest{"Garbage", "\x16\x03\x01\x02 no http\r\n\r\n", "400"},
        BadRequest{"NoHost", "GET /hello HTTP/1.1\r\n\r\n", "400"},
        BadRequest{"TwoHosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        BadRequest{"BadEscape", "GET /hello%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        BadRequest{"NulEscape", "GET /hello%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        BadRequest{"NoPath", "GET hello HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        BadRequest{"Connect", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        BadRequest{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
        BadRequest{
            "BadLength", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "400"},
        BadRequest{
            "TwoLengths",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
            "400"},
        BadRequest{
            "LengthAndChunked",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
            "chunked\r\n\r\n0\r\n\r\n",
            "400"},
        BadRequest{
            "BadChunk",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "400"},
        BadRequest{
            "UnknownCoding",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            "501"},
        BadRequest{"Unknown", "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "404"},
        BadRequest{
            "LongUrl", "GET /" + std::string(2000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
        BadRequest{"EndlessUrl", "GET /" + std::string(9000, 'a'), "414"},
        BadRequest{
            "LongHeader",
            "GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'a') + "\r\n\r\n",
            "431"},
        BadRequest{
            "LongBody",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n" + std::string(101, ' '),
            "413"},
        BadRequest{
            "LongChunkedBody",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" +
                std::string(255, ' ') + "\r\n",
            "413"},
        BadRequest{
            "Xml",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: "
            "2\r\n\r\n<>",
            "415"},
        BadRequest{
            "Gzip",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: "
            "2\r\n\r\n<>",
            "415"},
        BadRequest{
            "Expectation",
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: cake\r\nContent-Length: 2\r\n\r\n[]",
            "417"},
        BadRequest{"NoLength", "POST /up HTTP/1.1\r\nHost: a\r\n\r\n", "411"},
        BadRequest{
            "NoUploads",
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: "
            "2\r\n\r\n[]",
            "501"}),
    [](const auto& tested) { return tested.param.name; });

TEST(Server, SwallowsAHugeRefusedBodySoThatTheClientReadsTheAnswer) {
  TestServer server({echo()});
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n");
  const std::string piece(1'000'000, ' ');
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(client.send(piece));
  }
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST(Server, ClosesASlowHeadAndAnIdleConnection) {
  Server::Options options = test::loopback_options();
  options.header_timeout = std::chrono::milliseconds(50);
  options.idle_timeout = std::chrono::milliseconds(100);
  options.body_timeout = std::chrono::milliseconds(50);
  TestServer server({echo()}, options);
  RawClient slow(server.port());
  slow.send("GET /hello HT");
  EXPECT_THAT(slow.read_all(), StartsWith("HTTP/1.1 408"));
  RawClient idle(server.port());
  EXPECT_EQ(idle.read_all(), "");
  RawClient half(server.port());
  half.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n[");
  EXPECT_THAT(half.read_all(), StartsWith("HTTP/1.1 408"));
}

TEST(Server, GivesUpOnABodyThatTrickles) {
  Server::Options options = test::loopback_options();
  options.body_timeout = std::chrono::milliseconds(200);
  options.body_bytes_per_second = 1'000'000;
  TestServer server({echo()}, options);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 100 && client.send(" "); ++i) {  // never silent for the timeout
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408"));
}

TEST(Server, TurnsWhateverAHandlerThrowsIntoAnAnswer) {
  TestServer server(
      {route(
           "GET",
           "/error",
           [](const Request&) -> Response {
             throw base::Error(base::ErrorCode::kNotFound, "no such thing", "model", "gone");
           }),
       route("GET", "/bug", [](const Request&) -> Response {
         throw std::invalid_argument("secret detail");
       })});
  RawClient client(server.port());
  client.send("GET /error HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string error = client.read_answer();
  EXPECT_THAT(error, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(
      error,
      HasSubstr(
          R"({"error":{"message":"no such thing","type":"invalid_request_error",)"
          R"("param":"model","code":"gone"}})"));
  client.send("GET /bug HTTP/1.1\r\nHost: a\r\nX-Request-Id: id7\r\n\r\n");
  const std::string bug = client.read_answer();
  EXPECT_THAT(bug, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(bug, HasSubstr("id7"));
  EXPECT_THAT(bug, Not(HasSubstr("secret")));
}

TEST(Server, AdmitRefusesBeforeTheBody) {
  Server::Options options = test::loopback_options();
  options.admit = [](const Request& request) {
    if (request.header("Authorization").empty()) {
      throw base::Error(base::ErrorCode::kUnauthenticated, "a key is needed");
    }
  };
  TestServer server({echo()}, options);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 401"));
}

TEST(Server, ReportsEachRequestOnceByItsPattern) {
  std::mutex mutex;
  std::vector<Access> seen;
  Server::Options options = test::loopback_options();
  options.on_finish = [&](const Access& access) {
    const std::lock_guard lock(mutex);
    seen.push_back(access);
  };
  {
    TestServer server(
        {route(
            "GET",
            "/things/{id}",
            [](const Request& r) { return json_response(200, r.params.at("id")); })},
        options);
    RawClient client(server.port());
    client.send("GET /things/7 HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_answer();
    client.read_answer();
    server->stop(std::chrono::seconds(10));  // the client may have the answer before it is reported
  }
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].route, "/things/{id}");
  EXPECT_EQ(seen[0].status, 200);
  EXPECT_EQ(seen[0].body_bytes, 2U);
  EXPECT_EQ(seen[1].route, "");
  EXPECT_EQ(seen[1].status, 404);
}

}  // namespace
}  // namespace hub::api
