#include "core/base/engine_events.h"

#include <numeric>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::base {
namespace {

TEST(InterTokenTimes, ATimeFallsIntoTheBucketThatItIsNotAbove) {
  InterTokenTimes times;
  times.add(0.0);
  times.add(0.001);  // a bound belongs to its bucket
  times.add(0.0011);
  times.add(2.5);
  times.add(60.0);
  EXPECT_EQ(times.counts, (std::array<std::int64_t, 12>{2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}));
  EXPECT_NEAR(times.seconds, 62.5021, 1e-9);
  InterTokenTimes sum;
  sum.add(times);
  sum.add(times);
  EXPECT_EQ(std::accumulate(sum.counts.begin(), sum.counts.end(), std::int64_t{0}), 10);
  EXPECT_NEAR(sum.seconds, 2 * 62.5021, 1e-9);
}

TEST(EngineEvents, UsageReadsBackAsItWas) {
  EngineUsage usage{
      .request_id = "req-1",
      .adapter = "version",
      .key_id = "01900000-0000-7000-8000-000000000001",
      .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      .prompt_tokens = 7,
      .completion_tokens = 3,
      .started_ns = 1'700'000'000'123'456'789,
      .seconds = 1.5,
      .ttft_seconds = 0.75,
      .queue_seconds = 0.25,
      .prefill_seconds = 0.5,
      .decode_seconds = 0.625,
      .finish_reason = "length"};
  usage.inter_token.add(0.5);
  usage.inter_token.add(0.125);
  const Json fields = event_fields(usage);
  EXPECT_EQ(fields.at("inter_token_counts").size(), kInterTokenBounds.size() + 1);
  const EngineUsage read = engine_usage(fields);
  EXPECT_EQ(event_fields(read), fields);
  EXPECT_EQ(read.adapter, "version");
  EXPECT_EQ(read.started_ns, usage.started_ns);
  EXPECT_EQ(read.inter_token.counts, usage.inter_token.counts);
  EXPECT_EQ(read.inter_token.seconds, 0.625);
}

TEST(EngineEvents, WhatIsNotThereIsNotWritten) {
  const Json fields = event_fields(EngineUsage{.request_id = "req-1"});
  EXPECT_FALSE(fields.contains("adapter"));
  EXPECT_FALSE(fields.contains("traceparent"));
  EXPECT_FALSE(fields.contains("key_id"));
}

TEST(EngineEvents, WorkReadsBackAsItWas) {
  const EngineWork work{
      .steps = 1,
      .slow_steps = 1,
      .step_seconds = 2.5,
      .step_sequences = 2,
      .preemptions = 3,
      .prompt_tokens = 4,
      .generated_tokens = 5,
      .refused = 11,
      .refused_for_key = 12,
      .running = 6,
      .waiting = 7,
      .waiting_keys = 3,
      .kv_bytes = 8,
      .kv_limit_bytes = 9,
      .kv_bits = 8,
      .kv_window = 100,
      .adapters = 10};
  const Json fields = event_fields(work);
  EXPECT_EQ(fields.at("requests"), 13);
  EXPECT_EQ(event_fields(engine_work(fields)), fields);
  EXPECT_EQ(engine_work(fields).adapters, 10);
  EXPECT_EQ(engine_work(Json::object()).steps, 0);
}

TEST(EngineEvents, WhatIsNoneIsRefused) {
  const Json good = event_fields(EngineUsage{.request_id = "req-1"});
  const auto refused = [&good](const char* key, const Json& value) {
    Json bad = good;
    bad[key] = value;
    EXPECT_THROW(engine_usage(bad), Error) << key << " " << value.dump();
  };
  refused("request_id", 7);
  refused("seconds", -1);
  refused("completion_tokens", -1);
  refused("inter_token_counts", Json::array({1, 2}));
  refused("inter_token_counts", Json(std::vector<int>(kInterTokenBounds.size() + 1, -1)));
  refused("inter_token_counts", Json(std::vector<std::string>(kInterTokenBounds.size() + 1, "1")));
}

}  // namespace
}  // namespace hub::base
