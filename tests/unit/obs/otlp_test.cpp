#include "core/obs/otlp.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::obs {
namespace {

Span example() {
  Span span;
  span.trace_id = "0af7651916cd43dd8448eb211c80319c";
  span.span_id = "b7ad6b7169203331";
  span.parent_span_id = "00f067aa0ba902b7";
  span.name = "job.report";
  span.start_ns = 1'700'000'000'123'000'456;
  span.end_ns = 1'700'000'000'456'000'000;
  span.attributes = {
      {"step", std::int64_t{9'007'199'254'740'993}},
      {"loss", 1.5},
      {"ok", true},
      {"name", std::string("a\"b")},
      {"list", std::vector<std::string>{"x", "y"}}};
  span.links = {{"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"}};
  return span;
}

TEST(Otlp, ASpanHasTheFormOfTheProtocol) {
  const std::vector<Span> spans{example()};
  const auto json =
      nlohmann::json::parse(otlp_traces(spans, {{"service.name", std::string("mlx-hub")}}));
  const auto& all = json.at("resourceSpans").at(0);
  EXPECT_EQ(
      all.at("resource").dump(),
      R"({"attributes":[{"key":"service.name","value":{"stringValue":"mlx-hub"}}]})");
  EXPECT_EQ(all.at("scopeSpans").at(0).at("scope").at("name"), "mlx-hub");
  const auto& span = all.at("scopeSpans").at(0).at("spans").at(0);
  EXPECT_EQ(span.at("traceId"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span.at("spanId"), "b7ad6b7169203331");
  EXPECT_EQ(span.at("parentSpanId"), "00f067aa0ba902b7");
  EXPECT_EQ(span.at("name"), "job.report");
  EXPECT_EQ(span.at("kind"), 1);
  EXPECT_EQ(span.at("startTimeUnixNano"), "1700000000123000456");
  EXPECT_EQ(span.at("endTimeUnixNano"), "1700000000456000000");
  EXPECT_EQ(
      span.at("attributes").dump(),
      R"([{"key":"step","value":{"intValue":"9007199254740993"}},)"
      R"({"key":"loss","value":{"doubleValue":1.5}},{"key":"ok","value":{"boolValue":true}},)"
      R"({"key":"name","value":{"stringValue":"a\"b"}},)"
      R"({"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"},)"
      R"({"stringValue":"y"}]}}}])");
  EXPECT_EQ(
      span.at("links").dump(),
      R"([{"spanId":"00f067aa0ba902b7","traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}])");
  EXPECT_FALSE(span.contains("status"));
}

TEST(Otlp, ARootHasNoParentAndAFailureAStatus) {
  Span span = example();
  span.parent_span_id.clear();
  span.failed = true;
  span.failure = "signal 9";
  span.end_ns = span.start_ns - 5;  // a clock that was set back
  const std::vector<Span> spans{span};
  const auto json = nlohmann::json::parse(otlp_traces(spans, {}));
  const auto& sent = json.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
  EXPECT_FALSE(sent.contains("parentSpanId"));
  EXPECT_EQ(sent.at("status").dump(), R"({"code":2,"message":"signal 9"})");
  EXPECT_EQ(sent.at("startTimeUnixNano"), sent.at("endTimeUnixNano"));
}

TEST(Otlp, HeadersAreReadAsOpenTelemetryWritesThem) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(otlp_headers(""), Headers{});
  EXPECT_EQ(
      otlp_headers("x-mlflow-experiment-id=1, Authorization=Bearer%20a%3Db,"),
      (Headers{{"x-mlflow-experiment-id", "1"}, {"Authorization", "Bearer a=b"}}));
  EXPECT_EQ(otlp_headers("a=100%"), (Headers{{"a", "100%"}}));
  EXPECT_THROW(otlp_headers("nothing"), base::Error);
  EXPECT_THROW(otlp_headers("=b"), base::Error);
}

}  // namespace
}  // namespace hub::obs
