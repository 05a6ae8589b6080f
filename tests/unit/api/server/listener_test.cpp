#include "api/server/listener.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server/http.h"
#include "api/server/server.h"
#include "core/base/error.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using test::echo;
using test::hello;
using test::RawClient;
using test::TestServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Listener, ListensOnBothLoopbackAddressesWithOnePort) {
  TestServer server({hello()});
  const auto endpoints = server->endpoints();
  ASSERT_FALSE(endpoints.empty());
  EXPECT_EQ(endpoints[0], "http://127.0.0.1:" + std::to_string(server.port()));
  if (endpoints.size() > 1) {
    EXPECT_EQ(endpoints[1], "http://[::1]:" + std::to_string(server.port()));
  }
}

TEST(Listener, RefusesAddressesBeyondLoopbackAndPortsInUse) {
  Server::Options options = test::loopback_options();
  options.addresses = {{.host = "0.0.0.0", .port = 0, .optional = false}};
  EXPECT_THROW(Server(options, Router({})), base::Error);
  TestServer first({hello()});
  options.addresses = {{.host = "127.0.0.1", .port = first.port(), .optional = false}};
  Server second(options, Router({}));
  try {
    second.start();
    FAIL() << "two servers on one port";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("in use"));
  }
}

TEST(Listener, ServesAUnixSocketAndReplacesAStaleOne) {
  const test::TempFolder folder;
  Server::Options options;
  options.access_log = false;
  options.socket_path = folder.path() / "s";
  {  // a socket file without a listener
    const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options.socket_path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(left);
  }
  {
    TestServer server({hello()}, options);
    RawClient client(options.socket_path.string());
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
    Server other(options, Router({}));
    EXPECT_THROW(other.start(), base::Error);
  }
  EXPECT_FALSE(std::filesystem::exists(options.socket_path));
  options.socket_path = folder.path() / std::string(120, 'x');
  Server other(options, Router({}));
  EXPECT_THROW(other.start(), base::Error);
}

TEST(Listener, ManyConnectionsAtOnce) {
  TestServer server({echo()});
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  threads.reserve(100);
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&, i] {
      RawClient client(server.port());
      for (int round = 0; round < 5; ++round) {
        const std::string body = std::to_string(i * 10 + round);
        client.send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + body);
        good += client.read_answer().ends_with("\r\n\r\n" + body + "\n") ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, 500);
}

}  // namespace
}  // namespace hub::api
