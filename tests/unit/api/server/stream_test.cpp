#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/server.h"
#include "api/server/sse.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

constexpr std::size_t kPiece = 1U << 20U;

using test::hello;
using test::RawClient;
using test::route;
using test::TestServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kLong = std::chrono::seconds(10);

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

// A handler that says when it runs and waits until told (or for ten seconds).
struct Gate {
  std::promise<void> entered;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();

  Route gated() {
    return route("GET", "/wait", [this](const Request&) {
      entered.set_value();
      released.wait_for(kLong);
      return json_response(200, "\"waited\"");
    });
  }
};

TEST(ServerStream, SendsEachChunkAtOnceAndKeepsTheConnection) {
  std::promise<void> go;
  TestServer server({route("GET", "/stream", [&go](const Request&) {
    return sse_response([&go](SseWriter& out) {
      EXPECT_TRUE(out.data("one"));
      EXPECT_TRUE(out.comment(""));
      go.get_future().wait_for(kLong);
      EXPECT_TRUE(out.data("two"));
    });
  })});
  RawClient client(server.port());
  client.send(get("/stream") + get("/nowhere"));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(client.read_until("one\n\n\r\n"), "b\r\ndata: one\n\n\r\n");  // before "two" exists
  go.set_value();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("data: two\n\n"));
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 404"));
}

TEST(ServerStream, EndsAnHttp10StreamByClosing) {
  TestServer server({route("GET", "/stream", [](const Request&) {
    return sse_response([](SseWriter& out) { out.data("one"); });
  })});
  RawClient client(server.port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string all = client.read_all();
  EXPECT_THAT(all, EndsWith("\r\n\r\ndata: one\n\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
}

TEST(ServerStream, CutsTheConnectionWhenAStreamThrows) {
  TestServer server({route("GET", "/stream", [](const Request&) {
    Response response;
    response.stream = [](BodyWriter& out) {
      out.write("half");
      throw std::runtime_error("broken");
    };
    return response;
  })});
  RawClient client(server.port());
  client.send(get("/stream"));
  const std::string all = client.read_all();
  EXPECT_THAT(all, EndsWith("4\r\nhalf\r\n"));  // no final chunk: a client sees it is incomplete
}

TEST(ServerStream, RunsNoStreamForHead) {
  std::atomic<bool> ran{false};
  TestServer server({route("GET", "/stream", [&ran](const Request&) {
    return sse_response([&ran](SseWriter&) { ran = true; });
  })});
  RawClient client(server.port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/nowhere"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 404"));
  EXPECT_FALSE(ran);
}

TEST(ServerStream, WaitsForASlowReader) {
  std::atomic<std::size_t> written{0};
  TestServer server({route("GET", "/stream", [&written](const Request&) {
    Response response;
    response.stream = [&written](BodyWriter& out) {
      const std::string piece(kPiece, 'x');
      for (int i = 0; i < 32 && out.write(piece); ++i) {
        written += piece.size();
      }
    };
    return response;
  })});
  RawClient client(server.port());
  client.send(get("/stream"));
  client.read_until("\r\n\r\n");
  // The socket's buffers take a few MiB, then the writer stands still.
  std::size_t before = 1;
  while (before != written || before == 0) {
    before = written;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_LT(written, 32 * kPiece);
  EXPECT_THAT(client.read_until("\r\n0\r\n\r\n"), EndsWith("\r\n0\r\n\r\n"));
  EXPECT_EQ(written, 32 * kPiece);
}

TEST(ServerStream, GivesUpOnAReaderThatTakesNothing) {
  std::promise<bool> gone;
  Server::Options options = test::loopback_options();
  options.write_timeout = std::chrono::milliseconds(100);
  TestServer server(
      {route(
          "GET",
          "/stream",
          [&gone](const Request& request) {
            Response response;
            response.stream = [&gone, &request](BodyWriter& out) {
              const std::string piece(1U << 20U, 'x');
              while (out.write(piece)) {
              }
              gone.set_value(*request.cancelled);
            };
            return response;
          })},
      options);
  RawClient client(server.port());
  client.send(get("/stream"));
  auto result = gone.get_future();
  ASSERT_EQ(result.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

// How a client may leave while its request is handled.
class ServerDisconnect : public ::testing::TestWithParam<std::string> {};

TEST_P(ServerDisconnect, SetsCancelledAndCallsOnCancelOnce) {
  std::promise<void> entered;
  std::promise<bool> cancelled;
  std::atomic<int> calls{0};
  TestServer server({route("GET", "/wait", [&](const Request& request) {
    std::promise<void> called;
    *request.on_cancel = [&] {
      ++calls;
      called.set_value();
    };
    entered.set_value();
    called.get_future().wait_for(kLong);
    cancelled.set_value(*request.cancelled);
    return json_response(200, "1");
  })});
  RawClient client(server.port());
  client.send(get("/wait"));
  entered.get_future().wait();
  GetParam() == "Reset" ? client.reset() : client.close();
  auto result = cancelled.get_future();
  ASSERT_EQ(result.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(result.get());
  server->stop(kLong);
  EXPECT_EQ(calls, 1);
}

INSTANTIATE_TEST_SUITE_P(Ways, ServerDisconnect, ::testing::Values("Close", "Reset"));

TEST(ServerStream, WriteIsFalseOnceTheClientIsGone) {
  std::promise<bool> ended;
  TestServer server({route("GET", "/stream", [&ended](const Request& request) {
    return sse_response([&ended, &request](SseWriter& out) {
      while (out.data("tick")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ended.set_value(*request.cancelled);
    });
  })});
  RawClient client(server.port());
  client.send(get("/stream"));
  client.read_until("tick");
  client.close();
  auto result = ended.get_future();
  ASSERT_EQ(result.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST(ServerStop, LetsARequestInFlightEnd) {
  Gate gate;
  TestServer server({gate.gated()});
  RawClient client(server.port());
  client.send(get("/wait"));
  RawClient idle(server.port());
  gate.entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&server] { server->stop(kLong); });
  EXPECT_EQ(idle.read_all(), "");  // closed at once
  EXPECT_EQ(stopped.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  gate.release.set_value();
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("waited"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(stopped.wait_for(kLong), std::future_status::ready);
  EXPECT_THROW(RawClient(server.port()), std::exception);
}

TEST(ServerStop, CancelsWhatOutlivesTheDrainAndTellsEndlessStreams) {
  std::promise<void> entered;
  std::atomic<bool> saw_stopping{false};
  TestServer server(
      {route(
           "GET",
           "/wait",
           [&entered](const Request& request) {
             entered.set_value();
             while (!*request.cancelled) {
               std::this_thread::sleep_for(std::chrono::milliseconds(1));
             }
             return json_response(200, "1");
           }),
       route("GET", "/stream", [&saw_stopping](const Request& request) {
         return sse_response([&saw_stopping, &request](SseWriter& out) {
           out.data("begin");
           while (!*request.stopping) {
             std::this_thread::sleep_for(std::chrono::milliseconds(1));
           }
           saw_stopping = true;
           out.data("end");
         });
       })});
  RawClient stream(server.port());
  stream.send(get("/stream"));
  stream.read_until("begin");
  RawClient client(server.port());
  client.send(get("/wait"));
  entered.get_future().wait();
  server->stop(std::chrono::milliseconds(50));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(saw_stopping);
  EXPECT_THAT(stream.read_all(), HasSubstr("data: end"));
}

TEST(ServerLimits, SaysNoWhenAllHandlersWork) {
  Gate gate;
  Server::Options options = test::loopback_options();
  options.max_handlers = 1;
  options.max_waiting = 1;
  options.waiting_timeout = std::chrono::milliseconds(50);
  TestServer server({gate.gated(), hello()}, options);
  RawClient first(server.port());
  first.send(get("/wait"));
  gate.entered.get_future().wait();
  RawClient second(server.port());
  second.send(get("/hello"));  // waits, in vain
  RawClient third(server.port());
  third.send(get("/hello"));
  for (RawClient* refused : {&second, &third}) {
    const std::string answer = refused->read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
    EXPECT_THAT(answer, HasSubstr("Retry-After: 1"));
    EXPECT_THAT(answer, HasSubstr("unavailable_error"));
  }
  gate.release.set_value();
  EXPECT_THAT(first.read_answer(), HasSubstr("waited"));
  // The client may have the answer before the handler's thread is free again.
  std::string answer;
  for (int tries = 0; tries < 2000 && !answer.starts_with("HTTP/1.1 200"); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(tries == 0 ? 0 : 5));
    third.send(get("/hello"));
    answer = third.read_answer();
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

TEST(ServerLimits, SaysNoToTooManyConnections) {
  Server::Options options = test::loopback_options();
  options.max_connections = 1;
  TestServer server({hello()}, options);
  RawClient first(server.port());
  first.send(get("/hello"));
  first.read_answer();
  RawClient second(server.port());
  EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503"));
  first.send(get("/hello"));
  EXPECT_THAT(first.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST(CancelHook, RunsALateCallbackAtOnceAndOnlyOnce) {
  CancelHook hook;
  int calls = 0;
  hook.fire();
  hook = [&calls] { ++calls; };
  EXPECT_EQ(calls, 1);
  hook.fire();
  EXPECT_EQ(calls, 1);
  CancelHook cleared;
  cleared = [&calls] { ++calls; };
  cleared = nullptr;
  cleared.fire();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace hub::api
