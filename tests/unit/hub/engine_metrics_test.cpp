#include "core/hub/engine_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::hub {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EngineMetricsTest : public ::testing::Test {
 protected:
  obs::Metrics metrics_;
  EngineMetrics engines_{metrics_};
};

TEST_F(EngineMetricsTest, ARequestIsCountedOnce) {
  base::EngineUsage usage;
  usage.prompt_tokens = 20;
  usage.completion_tokens = 3;
  usage.ttft_seconds = 0.04;
  usage.seconds = 0.2;
  usage.finish_reason = "stop";
  usage.inter_token.add(0.08);
  usage.inter_token.add(0.08);
  engines_.usage("tiny", usage);
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
  base::EngineUsage usage;
  usage.prompt_tokens = 20;
  usage.ttft_seconds = 9;
  usage.seconds = 9;
  usage.finish_reason = "cancelled";
  engines_.usage("tiny", usage);
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("time_to_first_token_seconds_count")));
}

TEST_F(EngineMetricsTest, WhatCameBetweenTwoWordsIsAdded) {
  const auto after = [](int steps) {
    base::EngineWork work;
    work.steps = steps;
    work.step_sequences = 2 * steps;
    work.prompt_tokens = 10 * steps;
    work.prefix_disk_saves = steps;
    work.prefix_disk_tokens = 100 * steps;
    work.text_drafted_tokens = 4 * steps;
    work.model_drafted_tokens = 3 * steps;
    work.model_accepted_tokens = 2 * steps;
    work.mtp_drafted_tokens = 6 * steps;
    work.mtp_accepted_tokens = 5 * steps;
    return work;
  };
  engines_.work("tiny", {}, after(3));
  engines_.work("tiny", after(3), after(5));
  engines_.work("tiny", {}, after(2));  // the engine was started again: its sums begin at 0
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_steps_total{gen_ai_request_model=\"tiny\"} 7\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "mlx_hub_engine_tokens_total{gen_ai_request_model=\"tiny\",phase=\"prefill\"} 70\n"));
  EXPECT_THAT(
      text,
      HasSubstr("mlx_hub_engine_prefix_disk_tokens_total{gen_ai_request_model=\"tiny\"} 700\n"));
  const std::string model = "gen_ai_request_model=\"tiny\",source=\"model\"";
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_drafted_tokens_total{" + model + "} 21\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_accepted_draft_tokens_total{" + model + "} 14\n"));
  const std::string mtp = "gen_ai_request_model=\"tiny\",source=\"mtp\"";
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_drafted_tokens_total{" + mtp + "} 42\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_engine_accepted_draft_tokens_total{" + mtp + "} 35\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "mlx_hub_engine_drafted_tokens_total{gen_ai_request_model=\"tiny\",source=\"text\"} "
          "28\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "mlx_hub_engine_prefix_files_total{gen_ai_request_model=\"tiny\",outcome=\"saved\"} "
          "7\n"));
}

TEST_F(EngineMetricsTest, ModelsBeyondTheBoundAreOne) {
  for (int i = 0; i < 60; ++i) {
    base::EngineWork work;
    work.steps = 1;
    engines_.work("model-" + std::to_string(i), {}, work);
  }
  EXPECT_THAT(
      metrics_.text(),
      HasSubstr("mlx_hub_engine_steps_total{gen_ai_request_model=\"other\"} 10\n"));
}

}  // namespace
}  // namespace hub::hub
