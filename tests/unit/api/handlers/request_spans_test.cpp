#include "api/handlers/request_spans.h"

#include <gtest/gtest.h>

#include "tests/support/span_sink.h"

namespace hub::api {
namespace {

using test::SpanSink;

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr const char* kSampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* kUnsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

Request request_with(const std::string& traceparent, const std::string& path = "/jobs/7") {
  Request request;
  request.method = "GET";
  request.path = path;
  request.route = "/jobs/{id}";
  request.request_id = "id9";
  request.headers["Host"] = "[::1]:8000";
  request.headers["User-Agent"] = "curl/8";
  request.headers["tracestate"] = "a=1";
  if (!traceparent.empty()) {
    request.headers["traceparent"] = traceparent;
  }
  return request;
}

class RequestSpansTest : public testing::Test {
 protected:
  void finish(const Request& request, int status) {
    finish_trace(traces_, Access{request.method, request.route, status, 0.25, 17, &request});
  }
  SpanSink sink_;
  hub::RequestTraces traces_{&sink_.exporter(), 1.0};
};

TEST_F(RequestSpansTest, ARequestIsASpanOfItsCallersTrace) {
  Request request = request_with(kSampled);
  begin_trace(traces_, request);
  EXPECT_EQ(request.trace_id, kTrace);
  EXPECT_TRUE(request.answer_headers["traceparent"].starts_with(std::string("00-") + kTrace));
  EXPECT_NE(request.answer_headers["traceparent"], kSampled);
  EXPECT_EQ(request.header("tracestate"), "a=1");
  finish(request, 200);
  const auto spans = sink_.spans();
  ASSERT_TRUE(spans.contains("GET /jobs/{id}"));
  const base::Json& span = spans.at("GET /jobs/{id}");
  EXPECT_EQ(span["kind"], 2);
  EXPECT_EQ(span["parentSpanId"], "00f067aa0ba902b7");
  EXPECT_EQ(
      std::stoll(span["endTimeUnixNano"].get<std::string>()) -
          std::stoll(span["startTimeUnixNano"].get<std::string>()),
      250'000'000);
  EXPECT_FALSE(span.contains("status"));
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"http.request.method", R"({"stringValue":"GET"})"},
           {"http.route", R"({"stringValue":"/jobs/{id}"})"},
           {"http.response.status_code", R"({"intValue":"200"})"},
           {"http.response.body.size", R"({"intValue":"17"})"},
           {"url.path", R"({"stringValue":"/jobs/7"})"},
           {"url.scheme", R"({"stringValue":"http"})"},
           {"server.address", R"({"stringValue":"::1"})"},
           {"server.port", R"({"intValue":"8000"})"},
           {"user_agent.original", R"({"stringValue":"curl/8"})"},
           {"mlx_hub.request_id", R"({"stringValue":"id9"})"}}) {
    EXPECT_EQ(SpanSink::attribute(span, key), value) << key;
  }
}

TEST_F(RequestSpansTest, ABadHeaderBeginsANewTraceWithoutItsState) {
  Request request = request_with("00-0-0-01");
  begin_trace(traces_, request);
  EXPECT_EQ(request.trace_id.size(), 32U);
  EXPECT_EQ(request.parent_span_id, "");
  EXPECT_EQ(request.header("traceparent"), "");
  EXPECT_EQ(request.header("tracestate"), "");
}

TEST_F(RequestSpansTest, WhatTheCallerDoesNotSampleIsNotExported) {
  Request request = request_with(kUnsampled);
  begin_trace(traces_, request);
  EXPECT_EQ(request.trace_id, kTrace);
  EXPECT_TRUE(request.answer_headers["traceparent"].ends_with("-00"));
  finish(request, 200);
  {
    ChildSpan child(traces_, request, "child");
    EXPECT_TRUE(child.traceparent().ends_with(request.span_id + "-00"));
  }
  EXPECT_EQ(sink_.waiting(), 0U);
}

TEST_F(RequestSpansTest, ProbesAreNotTraced) {
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    Request request = request_with(kSampled, path);
    begin_trace(traces_, request);
    finish(request, 200);
    EXPECT_EQ(request.trace_id, "");
  }
  EXPECT_EQ(sink_.waiting(), 0U);
}

TEST_F(RequestSpansTest, OnlyTheServersMistakesAreErrors) {
  Request request = request_with("");
  request.route = "";
  begin_trace(traces_, request);
  request.method = "GET";
  finish(request, 404);
  request.method = "BREW";
  finish(request, 503);
  const auto spans = sink_.spans();
  EXPECT_FALSE(spans.at("GET").contains("status"));
  EXPECT_EQ(spans.at("HTTP")["status"]["code"], 2);
  EXPECT_EQ(SpanSink::attribute(spans.at("HTTP"), "error.type"), R"({"stringValue":"503"})");
  EXPECT_EQ(
      SpanSink::attribute(spans.at("HTTP"), "http.request.method"), R"({"stringValue":"_OTHER"})");
}

TEST_F(RequestSpansTest, AChildLiesBelowItsRequest) {
  Request request = request_with(kSampled);
  begin_trace(traces_, request);
  std::string told;
  {
    ChildSpan child(traces_, request, "child");
    child.set("a", true);
    child.fail("broken", "it broke");
    told = child.traceparent();
  }
  const auto spans = sink_.spans();
  const base::Json& span = spans.at("child");
  EXPECT_EQ(span["parentSpanId"], request.span_id);
  EXPECT_EQ(span["traceId"], kTrace);
  EXPECT_EQ(told, std::string("00-") + kTrace + "-" + span["spanId"].get<std::string>() + "-01");
  EXPECT_EQ(span["status"]["message"], "it broke");
  EXPECT_EQ(SpanSink::attribute(span, "error.type"), R"({"stringValue":"broken"})");
}

TEST(RequestSpans, WithoutAReceiverTheCallersHeaderGoesOnAsItCame) {
  hub::RequestTraces traces(nullptr, 1.0);
  Request request = request_with(kSampled);
  begin_trace(traces, request);
  EXPECT_EQ(request.trace_id, kTrace);
  EXPECT_EQ(request.header("traceparent"), kSampled);
  EXPECT_EQ(request.answer_headers["traceparent"], kSampled);
  EXPECT_EQ(ChildSpan(traces, request, "child").traceparent(), "");
  Request plain = request_with("");
  begin_trace(traces, plain);
  EXPECT_EQ(plain.trace_id, "");
  EXPECT_FALSE(plain.answer_headers.contains("traceparent"));
}

}  // namespace
}  // namespace hub::api
