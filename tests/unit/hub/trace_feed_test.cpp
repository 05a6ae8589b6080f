#include "core/hub/trace_feed.h"

#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/fake_server.h"
#include "tests/support/span_sink.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

struct TraceFeedTest : public testing::Test {
  test::Storage storage;
  jobs::EventLog log{storage.pool};
  test::FakeServer server{std::vector<std::string>(20, kFine)};

  [[nodiscard]] obs::SpanExporter::Options options() const {
    obs::SpanExporter::Options made;
    made.endpoint = server.url("");
    made.interval = std::chrono::seconds(60);  // at the end, all at once
    return made;
  }
  void append(std::int64_t time_ms, const std::string& type, const base::Json& data) {
    log.append(time_ms, "job." + type, "job", "one", data);
  }
  [[nodiscard]] std::string sent() const {
    std::string all;
    for (const std::string& request : server.requests()) {
      all += request;
    }
    return all;
  }
};

TEST_F(TraceFeedTest, TakesUpAJobThatWasUnderWay) {
  append(1000, "queued", {{"kind", "finetune"}});
  append(1100, "started", base::Json::object());
  append(1200, "metric", {{"step", 1}, {"train_loss", 2.5}});
  TraceFeed feed(log, options());
  feed.start();
  append(1300, "metric", {{"step", 2}, {"train_loss", 1.5}});
  append(1400, "completed", {{"state", "COMPLETED"}});
  log.close();
  append(1500, "deleted", base::Json::object());  // what is written at shutdown is seen, too
  feed.stop();
  EXPECT_EQ(feed.exporter()->counts().exported, 3U);
  const std::string all = sent();
  EXPECT_THAT(all, HasSubstr(R"("name":"job","kind":1,"startTimeUnixNano":"1000000000")"));
  EXPECT_THAT(all, HasSubstr(R"("name":"job.report","kind":1,"startTimeUnixNano":"1200000000")"));
  EXPECT_THAT(all, Not(HasSubstr(R"("doubleValue":2.5)"))) << "that was an earlier server's";
}

TEST_F(TraceFeedTest, WhatMlflowWasToldLiesBelowTheJob) {
  append(1000, "queued", {{"kind", "finetune"}});
  test::SpanSink sink;
  TraceFeed feed(log, sink.options());
  feed.start();
  append(1100, "started", base::Json::object());
  append(1200, "completed", {{"state", "COMPLETED"}});
  feed.mlflow_told({.object = "job:one", .start_ns = 1'300'000'000, .end_ns = 1'400'000'000});
  log.close();
  feed.stop();
  const auto spans = sink.spans();
  const base::Json& told = spans.at("mlflow.sync");
  EXPECT_EQ(told["traceId"], spans.at("job")["traceId"]);
  EXPECT_EQ(told["parentSpanId"], spans.at("job")["spanId"]);
  EXPECT_EQ(told["startTimeUnixNano"], "1300000000");
  EXPECT_EQ(told["endTimeUnixNano"], "1400000000");
  EXPECT_FALSE(told.contains("status"));
}

TEST_F(TraceFeedTest, WhatMlflowWasToldOfAModelIsATraceOfItsOwn) {
  test::SpanSink sink;
  TraceFeed feed(log, sink.options());
  feed.start();
  feed.mlflow_told({.object = "model:m", .start_ns = 1, .end_ns = 2, .error = "no such name"});
  log.close();
  feed.stop();
  const auto spans = sink.spans();
  const base::Json& told = spans.at("mlflow.sync");
  EXPECT_FALSE(told.contains("parentSpanId"));
  EXPECT_EQ(told["status"]["message"], "no such name");
  EXPECT_EQ(test::SpanSink::attribute(told, "mlx_hub.model.id"), R"({"stringValue":"m"})");
}

TEST(SampleRatio, ComesFromTheConfigurationOrOpenTelemetrysVariable) {
  ::unsetenv("OTEL_TRACES_SAMPLER_ARG");
  Config config;
  EXPECT_EQ(sample_ratio(config), 1.0);
  ::setenv("OTEL_TRACES_SAMPLER_ARG", "0.25", 1);
  EXPECT_EQ(sample_ratio(config), 0.25);
  config.otlp_sample_ratio = 0.0;
  EXPECT_EQ(sample_ratio(config), 0.0);
  config.otlp_sample_ratio = -1.0;
  for (const char* bad : {"many", "1.5", "-0.1", "nan", "0.5x"}) {
    ::setenv("OTEL_TRACES_SAMPLER_ARG", bad, 1);
    EXPECT_THROW(sample_ratio(config), base::Error) << bad;
  }
  ::unsetenv("OTEL_TRACES_SAMPLER_ARG");
}

TEST_F(TraceFeedTest, WithoutAnEndpointThereIsNothing) {
  TraceFeed feed(log, std::nullopt);
  feed.start();
  append(1000, "queued", {{"kind", "finetune"}});
  feed.stop();
  EXPECT_EQ(feed.exporter(), nullptr);
}

TEST(ExporterOptions, ComeFromTheConfigurationOrOpenTelemetrysVariables) {
  ::unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  ::unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
  Config config;
  EXPECT_FALSE(exporter_options(config));
  ::setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/", 1);
  ::setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b", 1);
  EXPECT_EQ(exporter_options(config)->endpoint, "http://collector:4318");
  EXPECT_EQ(exporter_options(config)->headers.front().second, "b");
  config.otlp_endpoint = "http://mine";
  EXPECT_EQ(exporter_options(config)->endpoint, "http://mine");
  ::setenv("OTEL_EXPORTER_OTLP_HEADERS", "nothing", 1);
  EXPECT_THROW(static_cast<void>(exporter_options(config)), base::Error);
  ::unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  ::unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}

}  // namespace
}  // namespace hub::hub
