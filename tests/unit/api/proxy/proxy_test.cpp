#include "api/proxy/proxy.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/api/proxy/fake_upstream.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using test::FakeUpstream;
using test::RawClient;
using test::TestServer;
using test::UpstreamPeer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kLong = std::chrono::seconds(10);
constexpr std::string_view kEventHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(std::string_view bytes) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return std::string(size.data()) + std::string(bytes) + "\r\n";
}

// A server that forwards everything to a fake upstream.
class Proxy : public ::testing::Test {
 protected:
  void upstream(std::function<void(UpstreamPeer&)> script) {
    upstream_.reset();
    std::filesystem::remove(socket_);  // it listened at the same place
    upstream_ = std::make_unique<FakeUpstream>(socket_, std::move(script));
  }
  std::string post(std::string_view body = "{}") {
    client_.send(
        "POST /v1/chat?a=%20b HTTP/1.1\r\nHost: a\r\nX-Request-Id: id9\r\nAuthorization: secret\r\n"
        "X-Api-Key: secret\r\nCookie: secret\r\n"
        "Connection: keep-alive, X-Private\r\nX-Private: 1\r\nX-Hub-Tenant: evil\r\nX-Kept: yes\r\n"
        "Accept-Encoding: gzip\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    return {};
  }

  test::TempFolder folder_;
  std::string socket_ = (folder_.path() / "up").string();
  std::unique_ptr<FakeUpstream> upstream_;
  std::function<std::string(const base::Error&)> lost_text_;
  TestServer server_{{test::route("POST", "/v1/chat", [this](const Request& request) {
    return forward(
        request,
        {.socket_path = socket_,
         .headers = {{"X-Hub-Tenant", "own"}},
         .target = {},
         .on_loss = {},
         .lost_text = lost_text_});
  })}};
  RawClient client_{server_.port()};
};

TEST_F(Proxy, PassesRequestAndAnswerThrough) {
  std::string seen;
  upstream([&seen](UpstreamPeer& peer) {
    seen = peer.read_request();
    peer.send(
        "HTTP/1.1 418 Teapot\r\nContent-Type: application/json\r\nX-Up: 1\r\nKeep-Alive: 5\r\n"
        "Connection: X-Gone\r\nX-Gone: 1\r\nContent-Length: 7\r\n\r\n{\"a\"");
    peer.send(":1}");
  });
  post("{\"model\":\"m\"}");
  const std::string answer = client_.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 418"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"a\":1}"));
  EXPECT_THAT(answer, HasSubstr("X-Up: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Request-Id: id9\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("X-Gone")));
  EXPECT_THAT(answer, Not(HasSubstr("Keep-Alive")));
  EXPECT_THAT(seen, StartsWith("POST /v1/chat?a=%20b HTTP/1.1\r\n"));
  EXPECT_THAT(seen, EndsWith("\r\n\r\n{\"model\":\"m\"}"));
  EXPECT_THAT(seen, HasSubstr("X-Hub-Tenant: own\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Request-Id: id9\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Kept: yes\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("secret")));
  EXPECT_THAT(seen, Not(HasSubstr("Accept-Encoding")));
  EXPECT_THAT(seen, Not(HasSubstr("evil")));
  EXPECT_THAT(seen, Not(HasSubstr("X-Private")));
}

TEST_F(Proxy, StreamsEventsAsTheyArriveByteForByte) {
  std::promise<void> go;
  auto gone_on = go.get_future().share();
  upstream([gone_on](UpstreamPeer& peer) {
    peer.read_request();
    peer.send(std::string(kEventHead) + chunk(": wait\n\ndata: {\"a\":1}\n\n"));
    gone_on.wait_for(kLong);
    peer.send(chunk("data: {\"b\"") + chunk(":2}\n\ndata: [DONE]\n\n") + "0\r\n\r\n");
  });
  post();
  EXPECT_THAT(client_.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
  EXPECT_THAT(client_.read_until("\n\n\r\n"), EndsWith(": wait\n\ndata: {\"a\":1}\n\n\r\n"));
  go.set_value();
  const std::string rest = client_.read_until("\r\n0\r\n\r\n");
  EXPECT_THAT(rest, HasSubstr("data: {\"b\":2}\n\ndata: [DONE]\n\n"));
  EXPECT_THAT(rest, Not(HasSubstr("error")));
}

TEST_F(Proxy, EndsABrokenEventStreamWithAnErrorEvent) {
  upstream([](UpstreamPeer& peer) {
    peer.read_request();
    peer.send(std::string(kEventHead) + chunk("data: {\"a\":1}\n\ndata: {\"half"));
  });
  post();
  const std::string all = client_.read_until("\r\n0\r\n\r\n");
  EXPECT_THAT(all, HasSubstr("data: {\"a\":1}\n\n"));
  EXPECT_THAT(all, HasSubstr("data: {\"error\":{\"message\":"));
  EXPECT_THAT(all, HasSubstr("\"code\":\"engine_lost\"}}\n\n"));
  EXPECT_THAT(all, Not(HasSubstr("half")));
  EXPECT_THAT(all, Not(HasSubstr("[DONE]")));
}

TEST_F(Proxy, ClosesAnEventThatLacksItsEmptyLineBeforeTheError) {
  upstream([](UpstreamPeer& peer) {
    peer.read_request();
    peer.send(std::string(kEventHead) + chunk("data: {\"a\":1}\n"));
  });
  post();
  std::string all = client_.read_until("\r\n0\r\n\r\n");
  EXPECT_THAT(all, HasSubstr("\r\n\ndata: {\"error\""));
}

TEST_F(Proxy, ABrokenStreamEndsAsTheRouteSays) {
  lost_text_ = [](const base::Error& error) { return "lost: " + error.reason() + "\n"; };
  for (const std::string type : {"text/event-stream", "application/x-ndjson"}) {
    upstream([&type](UpstreamPeer& peer) {
      peer.read_request();
      peer.send(
          "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
          chunk("{\"a\":1}\n") + chunk("{\"half"));
    });
    RawClient client(server_.port());
    client.send("POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    const std::string all = client.read_until("\r\n0\r\n\r\n");
    EXPECT_THAT(all, HasSubstr("\r\n{\"a\":1}\n\r\n"));
    EXPECT_THAT(
        all,
        EndsWith(
            type == "text/event-stream" ? "\r\n\nlost: engine_lost\n\r\n0\r\n\r\n"
                                        : "\r\nlost: engine_lost\n\r\n0\r\n\r\n"));
    EXPECT_THAT(all, Not(HasSubstr("half")));
  }
}

TEST_F(Proxy, CutsAnotherStreamThatBreaks) {
  upstream([](UpstreamPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("half"));
  });
  post();
  EXPECT_THAT(client_.read_all(), EndsWith("4\r\nhalf\r\n"));
}

struct Death {
  std::string name;
  std::string sent;
};
class ProxyDeath : public Proxy, public ::testing::WithParamInterface<Death> {};

TEST_P(ProxyDeath, BeforeTheAnswerIs503) {
  upstream([](UpstreamPeer& peer) {
    peer.read_request();
    peer.send(GetParam().sent);
  });
  post();
  const std::string answer = client_.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("\"code\":\"engine_lost\""));
}

INSTANTIATE_TEST_SUITE_P(
    When,
    ProxyDeath,
    ::testing::Values(
        Death{"AtOnce", ""},
        Death{"InTheHead", "HTTP/1.1 200 OK\r\nContent-"},
        Death{"NoHttp", "hello\r\n\r\n"},
        Death{"InAShortBody", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\""}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Proxy, SaysThatNobodyListens) {
  post();
  const std::string answer = client_.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("\"code\":\"engine_unavailable\""));
}

// The client leaves while the upstream is still silent, or while it streams.
class ProxyClientGone : public Proxy, public ::testing::WithParamInterface<std::string> {};

TEST_P(ProxyClientGone, ClosesTheUpstreamAtOnce) {
  std::promise<void> asked;
  std::promise<bool> ended;
  upstream([&](UpstreamPeer& peer) {
    peer.read_request();
    if (GetParam() == "InTheStream") {
      peer.send(std::string(kEventHead) + chunk("data: 1\n\n"));
    }
    asked.set_value();
    ended.set_value(peer.wait_for_end());
  });
  post();
  asked.get_future().wait();
  if (GetParam() == "InTheStream") {
    client_.read_until("data: 1");
  }
  client_.close();
  auto result = ended.get_future();
  ASSERT_EQ(result.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

INSTANTIATE_TEST_SUITE_P(When, ProxyClientGone, ::testing::Values("BeforeTheHead", "InTheStream"));

TEST_F(Proxy, ForwardsALargeBodyToASlowUpstreamAndBack) {
  std::string seen;
  upstream([&seen](UpstreamPeer& peer) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    seen = peer.read_request();
    const std::string body = seen.substr(seen.find("\r\n\r\n") + 4);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += 100'000) {
      peer.send(std::string_view(body).substr(at, 100'000));
    }
  });
  const std::string body = "\"" + std::string(5'000'000, 'x') + "\"";
  post(body);
  EXPECT_TRUE(client_.read_answer().ends_with("\r\n\r\n" + body));
}

TEST(ProxyRequest, RefusesALineBreakInAHeader) {
  Request request;
  request.method = "GET";
  request.target = "/";
  EXPECT_THROW(
      forward(
          request,
          {.socket_path = "/nowhere",
           .headers = {{"X-Hub-Model", "a\r\nX-Hub-Tenant: b"}},
           .target = {}}),
      base::Error);
}

TEST(ProxyHead, TheLengthIsTheEnginesAndNoBodyFollows) {
  const test::TempFolder folder;
  const std::string socket = (folder.path() / "up").string();
  const FakeUpstream upstream(socket, [](UpstreamPeer& peer) {
    EXPECT_THAT(peer.read_request(), StartsWith("HEAD /file"));
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1234\r\n\r\n");
  });
  TestServer server({test::route("GET", "/file", [&socket](const Request& request) {
    return forward(request, {.socket_path = socket, .headers = {}, .target = {}});
  })});
  RawClient client(server.port());
  client.send("HEAD /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1234\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

}  // namespace
}  // namespace hub::api
