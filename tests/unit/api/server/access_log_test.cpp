#include "api/server/access_log.h"

#include <algorithm>
#include <chrono>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/obs/log.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;
using testing::Not;

class AccessLog : public testing::Test {
 protected:
  AccessLog() { obs::log::configure({.format = obs::log::Format::kJson}); }
  void TearDown() override { obs::log::configure({}); }

  // What a server logs while it answers `bytes`.
  static std::string logged(const std::string& bytes, const std::vector<Route>& routes) {
    testing::internal::CaptureStderr();
    {
      Server::Options options = test::loopback_options();
      options.access_log = true;
      test::TestServer server(routes, std::move(options));
      test::RawClient client(server.port());
      client.send(bytes);
      client.read_answer();
      server->stop(std::chrono::seconds(10));  // the answer may be there before its line
    }
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(AccessLog, OneLineARequestWithoutQueryAndBody) {
  const std::string text = logged(
      "POST /engines/a%20b/load?api_key=geheim HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n"
      "X-Request-Id: r-1\r\nUser-Agent: " +
          std::string(300, 'u') + "\r\nAuthorization: Bearer geheim\r\n\r\n\"prompt\"",
      {test::route("POST", "/engines/{model}/load", [](const Request&) {
        return json_response(200, "\"ok\"");
      })});
  EXPECT_THAT(text, Not(HasSubstr("geheim")));
  EXPECT_THAT(text, Not(HasSubstr("prompt")));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  const Json line = base::parse_json(text, "line");
  EXPECT_EQ(line["event"], "http_request");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["request_id"], "r-1");
  EXPECT_EQ(line["method"], "POST");
  EXPECT_EQ(line["path"], "/engines/a b/load");
  EXPECT_EQ(line["route"], "/engines/{model}/load");
  EXPECT_EQ(line["status"], 200);
  EXPECT_EQ(line["bytes"], 5);
  EXPECT_GE(line["seconds"], 0.0);
  EXPECT_EQ(line["client"], "127.0.0.1");
  EXPECT_EQ(line["user_agent"], std::string(200, 'u'));
  EXPECT_EQ(line["model"], "a b");
  EXPECT_FALSE(line.contains("key_id"));
}

TEST_F(AccessLog, AHandlersModelAndKeyAreTold) {
  Request request;
  request.method = "POST";
  request.route = request.path = "/v1/chat/completions";
  request.key_id = "k1";
  request.model = "smollm";
  testing::internal::CaptureStderr();
  log_access(request, 200, 0.5, 7);
  const Json line = base::parse_json(testing::internal::GetCapturedStderr(), "line");
  EXPECT_EQ(line["key_id"], "k1");
  EXPECT_EQ(line["model"], "smollm");
  EXPECT_FALSE(line.contains("client"));
}

TEST_F(AccessLog, ProbesAreForDebugging) {
  const auto probe = [](const char* route) {
    return logged(
        fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", route),
        {test::route("GET", route, [](const Request&) { return json_response(200, "1"); })});
  };
  for (const char* route : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_EQ(probe(route), "");
  }
  EXPECT_THAT(probe("/other"), HasSubstr("http_request"));
  obs::log::set_level(obs::log::Level::kDebug);
  EXPECT_THAT(probe("/healthz"), HasSubstr(R"("level":"debug","event":"http_request")"));
}

TEST_F(AccessLog, AddressesAreTextWithoutPort) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  ::inet_pton(AF_INET, "10.1.2.3", &four.sin_addr);
  EXPECT_EQ(address_text(reinterpret_cast<const sockaddr*>(&four), sizeof(four)), "10.1.2.3");
  EXPECT_EQ(address_text(reinterpret_cast<const sockaddr*>(&four), 4), "");
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, "fe80::1", &six.sin6_addr);
  EXPECT_EQ(address_text(reinterpret_cast<const sockaddr*>(&six), sizeof(six)), "fe80::1");
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_EQ(address_text(&other, sizeof(other)), "");
}

}  // namespace
}  // namespace hub::api
