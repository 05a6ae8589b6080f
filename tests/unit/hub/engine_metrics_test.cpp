#include "core/hub/engine_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;
using ::testing::HasSubstr;
using ::testing::Not;

class EngineMetricsTest : public ::testing::Test {
 protected:
  obs::Metrics metrics_;
  EngineMetrics engines_{metrics_};
};

TEST_F(EngineMetricsTest, ARequestIsCountedOnce) {
  const Json usage = {
      {"request_id", "r"},
      {"prompt_tokens", 20},
      {"completion_tokens", 3},
      {"ttft_seconds", 0.04},
      {"queue_seconds", 0.001},
      {"prefill_seconds", 0.03},
      {"seconds", 0.2},
      {"finish_reason", "stop"},
      {"inter_token_counts", {0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0}},
      {"inter_token_seconds", 0.16}};
  engines_.usage("tiny", JsonReader(usage));
  const std::string text = metrics_.text();
  const std::string model = "{gen_ai_request_model=\"tiny\"";
  EXPECT_THAT(text, HasSubstr("gen_ai_server_time_to_first_token_seconds_sum" + model + "} 0.04"));
  EXPECT_THAT(
      text, HasSubstr("gen_ai_server_time_per_output_token_seconds_count" + model + "} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "gen_ai_server_request_duration_seconds_count{finish_reason=\"stop\","
          "gen_ai_request_model=\"tiny\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("gen_ai_client_token_usage_sum" + model + ",gen_ai_token_type=\"output\"} 3\n"));
}

TEST_F(EngineMetricsTest, ARequestWithoutATokenHasNoFirstOne) {
  const Json usage = {
      {"request_id", "r"},
      {"prompt_tokens", 20},
      {"completion_tokens", 0},
      {"ttft_seconds", 9.0},
      {"seconds", 9.0},
      {"finish_reason", "cancelled"}};
  engines_.usage("tiny", JsonReader(usage));
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("time_to_first_token_seconds_count")));
}

TEST_F(EngineMetricsTest, SumsOfAProcessAreCountedFromWhereTheyStood) {
  EngineMetrics::Sums first;
  const auto work = [this](EngineMetrics::Sums& sums, int steps) {
    const Json event = {
        {"prompt_tokens", 10 * steps}, {"steps", steps}, {"step_sequences", 2 * steps}};
    engines_.work("tiny", JsonReader(event), sums);
  };
  work(first, 3);
  work(first, 5);
  EngineMetrics::Sums second;  // the engine was started again: its sums begin at 0
  work(second, 2);
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_steps_total{gen_ai_request_model=\"tiny\"} 7\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "mlx_hub_engine_tokens_total{gen_ai_request_model=\"tiny\",phase=\"prefill\"} 70\n"));
}

TEST_F(EngineMetricsTest, ModelsBeyondTheBoundAreOne) {
  for (int i = 0; i < 60; ++i) {
    EngineMetrics::Sums sums;
    const Json event = {{"steps", 1}};
    engines_.work("model-" + std::to_string(i), JsonReader(event), sums);
  }
  EXPECT_THAT(
      metrics_.text(),
      HasSubstr("mlx_hub_engine_steps_total{gen_ai_request_model=\"other\"} 10\n"));
}

}  // namespace
}  // namespace hub::hub
