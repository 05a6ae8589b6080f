#include "core/hub/request_traces.h"

#include <map>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/span_sink.h"

namespace hub::hub {
namespace {

using base::Json;

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr const char* kSampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* kUnsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

obs::Span call() {
  obs::Span span;
  span.trace_id = kTrace;
  span.span_id = "00f067aa0ba902b7";
  span.name = "chat m";
  span.start_ns = 1'000'000'000;
  span.end_ns = 9'000'000'000;
  return span;
}

base::EngineUsage usage() {
  return {
      .request_id = "one",
      .traceparent = kSampled,
      .prompt_tokens = 7,
      .completion_tokens = 3,
      .started_ns = 2'000'000'000,
      .seconds = 5.0,
      .queue_seconds = 0.5,
      .prefill_seconds = 1.0,
      .decode_seconds = 2.0,
      .finish_reason = "stop"};
}

class RequestTracesTest : public testing::Test {
 protected:
  test::SpanSink sink_;
  RequestTraces traces_{&sink_.exporter(), 1.0};
};

void expect_whole(std::map<std::string, Json> spans) {
  const auto attribute = test::SpanSink::attribute;
  ASSERT_EQ(spans.size(), 4U);
  const auto times = [&](const char* name) {
    return spans[name]["startTimeUnixNano"].get<std::string>() + " " +
           spans[name]["endTimeUnixNano"].get<std::string>();
  };
  EXPECT_EQ(times("queue"), "2000000000 2500000000");
  EXPECT_EQ(times("prefill"), "2500000000 3500000000");
  EXPECT_EQ(times("decode"), "3500000000 5500000000");
  for (const char* part : {"queue", "prefill", "decode"}) {
    EXPECT_EQ(spans[part]["parentSpanId"], "00f067aa0ba902b7");
    EXPECT_EQ(spans[part]["traceId"], kTrace);
  }
  EXPECT_EQ(attribute(spans["chat m"], "gen_ai.usage.input_tokens"), R"({"intValue":"7"})");
  EXPECT_EQ(attribute(spans["chat m"], "gen_ai.usage.output_tokens"), R"({"intValue":"3"})");
  EXPECT_EQ(
      attribute(spans["chat m"], "gen_ai.response.finish_reasons"),
      R"({"arrayValue":{"values":[{"stringValue":"stop"}]}})");
}

TEST_F(RequestTracesTest, UsageThatComesFirstWaitsForItsCall) {
  traces_.on_usage(usage());
  traces_.sweep();
  traces_.add_call(call());
  expect_whole(sink_.spans());
}

TEST_F(RequestTracesTest, ACallWaitsForItsUsage) {
  traces_.add_call(call());
  traces_.sweep();  // not long enough
  EXPECT_EQ(sink_.waiting(), 0U);
  traces_.on_usage(usage());
  expect_whole(sink_.spans());
}

TEST_F(RequestTracesTest, ACallWhoseUsageNeverComesIsExportedAtTheEnd) {
  traces_.add_call(call());
  traces_.flush();
  auto spans = sink_.spans();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(test::SpanSink::attribute(spans["chat m"], "gen_ai.usage.input_tokens"), "absent");
}

TEST_F(RequestTracesTest, ACallThatFailedWaitsForNothing) {
  obs::Span failed = call();
  failed.failed = true;
  failed.failure = "the engine ended";
  traces_.add_call(failed);
  EXPECT_EQ(sink_.waiting(), 1U);
  EXPECT_EQ(sink_.spans()["chat m"]["status"].dump(), R"({"code":2,"message":"the engine ended"})");
}

TEST_F(RequestTracesTest, AForwardPassThatFailedFailsTheCall) {
  base::EngineUsage failed = usage();
  failed.finish_reason = "error";
  failed.completion_tokens = 0;
  failed.decode_seconds = 0.0;
  traces_.on_usage(failed);
  traces_.add_call(call());
  auto spans = sink_.spans();
  EXPECT_EQ(spans["chat m"]["status"]["code"], 2);
  EXPECT_FALSE(spans.contains("decode"));
}

TEST_F(RequestTracesTest, UsageOfRequestsThatAreNotExportedIsPassedOver) {
  for (const char* header : {"", kUnsampled, "nonsense"}) {
    base::EngineUsage other = usage();
    other.traceparent = header;
    traces_.on_usage(other);
  }
  EXPECT_EQ(sink_.waiting(), 0U);
}

TEST_F(RequestTracesTest, TheCallersDecisionHolds) {
  const RequestTraces none(&sink_.exporter(), 0.0);
  const auto taken = none.begin(kSampled);
  EXPECT_TRUE(taken.context.sampled);
  EXPECT_EQ(taken.context.trace_id, kTrace);
  EXPECT_EQ(taken.parent_span_id, "00f067aa0ba902b7");
  EXPECT_NE(taken.context.span_id, taken.parent_span_id);
  EXPECT_FALSE(traces_.begin(kUnsampled).context.sampled);
  EXPECT_FALSE(none.begin("").context.sampled);
  const auto fresh = traces_.begin("nonsense");
  EXPECT_TRUE(fresh.context.sampled);
  EXPECT_NE(fresh.context.trace_id, kTrace);
  EXPECT_EQ(fresh.parent_span_id, "");
}

TEST(RequestTraces, WithoutAnExporterThereIsNothing) {
  RequestTraces traces(nullptr, 1.0);
  EXPECT_FALSE(traces.enabled());
  traces.add(call());
  traces.on_usage(usage());
  traces.add_call(call());
  traces.flush();
}

}  // namespace
}  // namespace hub::hub
