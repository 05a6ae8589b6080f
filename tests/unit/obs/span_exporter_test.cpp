#include "core/obs/span_exporter.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_server.h"

namespace hub::obs {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
constexpr const char* kBusy = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kWrong = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";

Span named(const std::string& name) {
  Span span;
  span.trace_id = "0af7651916cd43dd8448eb211c80319c";
  span.span_id = "b7ad6b7169203331";
  span.name = name;
  return span;
}

SpanExporter::Options options_for(const test::FakeServer& server) {
  SpanExporter::Options options;
  options.endpoint = server.url("");
  options.headers = {{"X-Key", "secret"}};
  options.interval = milliseconds(20);
  return options;
}

TEST(SpanExporter, SendsWhatIsAdded) {
  test::FakeServer server({kFine});
  SpanExporter exporter(options_for(server));
  EXPECT_TRUE(exporter.add(named("one")));
  exporter.stop();
  const auto counts = exporter.counts();
  EXPECT_EQ(counts.exported, 1U);
  EXPECT_EQ(counts.waiting + counts.dropped + counts.failed, 0U);
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(server.requests()[0], StartsWith("POST /v1/traces HTTP/1.1"));
  EXPECT_THAT(server.requests()[0], HasSubstr("X-Key: secret"));
  EXPECT_THAT(server.requests()[0], HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(server.requests()[0], HasSubstr(R"("name":"one")"));
}

TEST(SpanExporter, ABusyReceiverIsAskedAgain) {
  test::FakeServer server({kBusy, kFine});
  SpanExporter exporter(options_for(server));
  exporter.add(named("one"));
  for (int i = 0; i < 500 && exporter.counts().exported == 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  exporter.stop();
  EXPECT_EQ(exporter.counts().exported, 1U);
  EXPECT_EQ(exporter.counts().last_error, "");
}

TEST(SpanExporter, WhatIsRefusedIsGivenUpAndSaid) {
  test::FakeServer server({kWrong});
  SpanExporter exporter(options_for(server));
  exporter.add(named("one"));
  exporter.stop();
  EXPECT_EQ(exporter.counts().failed, 1U);
  EXPECT_THAT(exporter.counts().last_error, HasSubstr("answered 400"));
}

TEST(SpanExporter, AFullQueueDropsAndNeverWaits) {
  SpanExporter::Options options;
  options.endpoint = "http://127.0.0.1:9";
  options.queue_limit = 2;
  options.interval = milliseconds(60'000);
  SpanExporter exporter(options);
  EXPECT_TRUE(exporter.add(named("one")));
  EXPECT_TRUE(exporter.add(named("two")));
  EXPECT_FALSE(exporter.add(named("three")));
  EXPECT_EQ(exporter.counts().dropped, 1U);
  EXPECT_EQ(exporter.counts().waiting, 2U);
  exporter.stop();
  EXPECT_EQ(exporter.counts().failed, 2U) << "nobody listens there";
  EXPECT_FALSE(exporter.add(named("late")));
}

TEST(SpanExporter, AnEndTriesAReceiverThatFailsOnce) {
  test::FakeServer server({kBusy, kFine});
  SpanExporter::Options options = options_for(server);
  options.interval = milliseconds(60'000);
  options.batch_limit = 1;
  SpanExporter exporter(options);
  exporter.add(named("one"));
  exporter.add(named("two"));
  exporter.add(named("three"));
  exporter.stop();
  EXPECT_EQ(exporter.counts().failed, 3U);
  EXPECT_EQ(exporter.counts().exported + exporter.counts().waiting, 0U);
}

}  // namespace
}  // namespace hub::obs
