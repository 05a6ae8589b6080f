#include "core/net/http_client.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/fake_server.h"

namespace hub::net {
namespace {

using test::FakeServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nX-Thing: 1\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.first_backoff = std::chrono::milliseconds(1);
  return request;
}

std::string error_of(const std::function<void()>& action, base::ErrorCode code) {
  try {
    action();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(HttpClient, TellsThatCertificatesCannotBeReadOrDoNotFit) {
  FakeServer server({"no TLS"});
  HttpClient client;
  HttpRequest request = get("https" + server.url().substr(4));
  request.ca_file = "/no/such/certificates.pem";
  const std::string error = error_of([&] { client.send(request); }, base::ErrorCode::kUnavailable);
  EXPECT_THAT(error, HasSubstr("cannot be trusted: "));
  EXPECT_THAT(error, HasSubstr("/no/such/certificates.pem"));
}

TEST(HttpClient, SendsAndReceives) {
  FakeServer server({ok("{}"), "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"});
  HttpClient client;
  HttpRequest post = get(server.url("/jobs?x=1"));
  post.method = "POST";
  post.body = "{\"a\":1}";
  post.headers = {{"Content-Type", "application/json"}};
  const HttpResponse created = client.send(post);
  EXPECT_EQ(created.status, 200);
  EXPECT_EQ(created.body, "{}");
  EXPECT_EQ(created.header("x-thing"), "1");
  const HttpResponse missing = client.send(get(server.url()));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "gone");
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_THAT(server.requests()[0], HasSubstr("POST /jobs?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests()[0], HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(server.requests()[0], EndsWith("\r\n\r\n{\"a\":1}"));
  EXPECT_THAT(server.requests()[0], HasSubstr("User-Agent: mlx-hub/"));
}

TEST(HttpClient, SendsFilesAsForm) {
  const auto path = std::filesystem::temp_directory_path() / "hub-http-client-test.jsonl";
  std::ofstream(path) << "{\"text\":\"x\"}\n";
  FakeServer server({ok("1")});
  HttpClient client;
  HttpRequest post = get(server.url());
  post.method = "POST";
  post.form = {
      {.name = "name", .value = "facts", .file = {}}, {.name = "file", .value = {}, .file = path}};
  EXPECT_EQ(client.send(post).status, 200);
  EXPECT_THAT(server.requests()[0], HasSubstr("name=\"name\"\r\n\r\nfacts\r\n"));
  EXPECT_THAT(server.requests()[0], HasSubstr("filename=\"hub-http-client-test.jsonl\""));
  EXPECT_THAT(server.requests()[0], HasSubstr("{\"text\":\"x\"}\n"));
  std::filesystem::remove(path);
  EXPECT_THAT(
      error_of([&] { client.send(post); }, base::ErrorCode::kNotFound),
      HasSubstr("hub-http-client-test.jsonl"));
}

TEST(HttpClient, StreamsAPartOfAFileAsBody) {
  const auto path = std::filesystem::temp_directory_path() / "hub-http-client-body.bin";
  std::ofstream(path) << "0123456789";
  FakeServer server({ok("1"), "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ok("2")});
  HttpClient client;
  HttpRequest put = get(server.url());
  put.method = "PUT";
  put.body_file = path;
  put.body_file_offset = 3;
  put.body_file_bytes = 4;
  put.retries = 1;
  std::uint64_t sent = 0;
  put.on_sent = [&sent](std::uint64_t bytes) { sent = bytes; };
  EXPECT_EQ(client.send(put).body, "1");
  EXPECT_EQ(sent, 4U);
  EXPECT_EQ(client.send(put).body, "2");  // the whole part again after a 503
  ASSERT_EQ(server.requests().size(), 3U);
  for (const std::string& request : server.requests()) {
    EXPECT_THAT(request, HasSubstr("Content-Length: 4\r\n"));
    EXPECT_THAT(request, EndsWith("\r\n\r\n3456"));
    EXPECT_THAT(request, testing::Not(HasSubstr("Expect:")));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(
      error_of([&] { client.send(put); }, base::ErrorCode::kNotFound),
      HasSubstr("hub-http-client-body.bin"));
}

TEST(HttpClient, TellsTheHeadBeforeTheBody) {
  FakeServer server(
      {"HTTP/1.1 206 Partial\r\nContent-Range: bytes 2-3/4\r\nContent-Length: 2\r\n\r\ncd",
       ok("x")});
  HttpClient client;
  std::string seen;
  const auto body = [&seen](std::string_view bytes) {
    seen += bytes;
    return true;
  };
  client.stream(get(server.url()), body, [&seen](const HttpResponse& head) {
    seen += std::to_string(head.status) + " " + head.header("content-range") + " ";
  });
  EXPECT_EQ(seen, "206 bytes 2-3/4 cd");
  EXPECT_THROW(
      client.stream(
          get(server.url()),
          body,
          [](const HttpResponse&) { throw base::Error(base::ErrorCode::kConflict, "no"); }),
      base::Error);
}

TEST(HttpClient, NamesWhatCannotBeReached) {
  std::string url;
  {
    FakeServer closed({});
    url = closed.url("/v1/models");
  }
  HttpClient client;
  EXPECT_EQ(
      error_of([&] { client.send(get(url)); }, base::ErrorCode::kUnavailable),
      "cannot reach " + url.substr(0, url.rfind("/v1")) + ": connection refused");
  HttpRequest local = get("http://localhost/");
  local.unix_socket = "/nowhere/socket";
  EXPECT_THAT(
      error_of([&] { client.send(local); }, base::ErrorCode::kUnavailable),
      HasSubstr("/nowhere/socket"));
  EXPECT_THAT(
      error_of([&] { client.send(get("file:///etc/passwd")); }, base::ErrorCode::kInvalidArgument),
      HasSubstr("no http or https URL"));
}

TEST(HttpClient, NoticesABrokenAnswerAndALateOne) {
  FakeServer server({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"});
  HttpClient client;
  EXPECT_THAT(
      error_of([&] { client.send(get(server.url())); }, base::ErrorCode::kUnavailable),
      HasSubstr("before its answer was complete"));
  HttpRequest late = get(server.url());  // nobody accepts any more
  late.timeout = std::chrono::milliseconds(100);
  EXPECT_THAT(
      error_of([&] { client.send(late); }, base::ErrorCode::kUnavailable),
      HasSubstr("no answer in time"));
}

TEST(HttpClient, RepeatsIdempotentCallsOnly) {
  const std::string busy =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
  FakeServer server({busy, "", ok("1"), busy, ok("2"), busy, busy});
  HttpClient client;
  HttpRequest request = get(server.url());
  request.retries = 2;
  EXPECT_EQ(client.send(request).body, "1");  // 503, then a lost connection, then good
  request.method = "POST";
  EXPECT_EQ(client.send(request).status, 503);
  request.method = "PUT";
  EXPECT_EQ(client.send(request).body, "2");
  request.retries = 1;
  EXPECT_EQ(client.send(request).status, 503);  // the last answer stands
}

TEST(HttpClient, StreamsGoodAnswersAndCollectsRefusals) {
  FakeServer server(
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
       "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
       ok("stop here"),
       ok("throw here")});
  HttpClient client;
  std::string seen;
  const auto collect = [&seen](std::string_view bytes) {
    seen += bytes;
    return true;
  };
  EXPECT_EQ(client.stream(get(server.url()), collect).status, 200);
  EXPECT_EQ(seen, "abcde");
  seen.clear();
  const HttpResponse refused = client.stream(get(server.url()), collect);
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.body, "gone");
  EXPECT_EQ(seen, "");
  EXPECT_EQ(client.stream(get(server.url()), [](std::string_view) { return false; }).status, 200);
  EXPECT_THROW(
      client.stream(
          get(server.url()), [](std::string_view) -> bool { throw std::logic_error("x"); }),
      std::logic_error);
}

TEST(HttpClient, HoldsItsLimits) {
  FakeServer server({ok("0123456789")});
  HttpClient client;
  HttpRequest request = get(server.url());
  request.body_limit_bytes = 5;
  EXPECT_THAT(
      error_of([&] { client.send(request); }, base::ErrorCode::kTooLarge), HasSubstr("5 bytes"));
  request.headers = {{"X-A", "b\r\nX-C: d"}};
  error_of([&] { client.send(request); }, base::ErrorCode::kInvalidArgument);
}

TEST(HttpClient, CanBeCancelled) {
  FakeServer server({});
  HttpClient client;
  std::atomic<bool> cancelled{true};
  HttpRequest request = get(server.url());
  request.cancelled = &cancelled;
  error_of([&] { client.send(request); }, base::ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hub::net
