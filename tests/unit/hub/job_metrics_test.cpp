#include "core/hub/job_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using base::Json;
using ::testing::HasSubstr;
using ::testing::Not;

class JobMetricsTest : public ::testing::Test {
 protected:
  JobMetricsTest() {
    metrics_.on_scrape([this](obs::MetricSnapshot& snapshot) { jobs_.tell(snapshot); });
  }
  void add(const std::string& id, const std::string& type, const Json& data) {
    now_ms_ += 1000;
    jobs_.add({++seq_, now_ms_, type, "job", id, data.dump()});
  }
  void start(const std::string& id) {
    add(id, "job.queued", {{"kind", "finetune"}});
    add(id, "job.started", {{"kind", "finetune"}});
  }
  obs::Metrics metrics_;
  JobMetrics jobs_{metrics_};
  std::int64_t seq_ = 0;
  std::int64_t now_ms_ = 1'700'000'000'000;
};

Json report(int step, int tokens, double loss) {
  return {
      {"step", step},
      {"train_loss", loss},
      {"iterations_per_second", 4.0},
      {"tokens_per_second", 250.0},
      {"trained_tokens", tokens},
      {"learning_rate", 1e-4},
      {"grad_norm", 0.5}};
}

TEST_F(JobMetricsTest, ATrainingIsToldWhileItRuns) {
  start("a");
  add("a", "job.progress", {{"step", 0}, {"total", 20}});
  add("a", "job.metric", report(5, 300, 2.5));
  add("a", "job.metric", {{"step", 5}, {"eval_loss", 2.75}});
  add("a", "job.progress", {{"step", 5}, {"total", 20}});
  add("a", "job.memory", {{"active_bytes", 100}, {"peak_bytes", 200}, {"resident_bytes", 300}});
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_loss{slot=\"0\",split=\"train\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_loss{slot=\"0\",split=\"eval\"} 2.75\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_progress_ratio{slot=\"0\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_steps_total 5\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_tokens_total 300\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_step_seconds_sum 0.25\n"));
  EXPECT_THAT(text, HasSubstr("mlx_peak_memory_bytes{worker=\"job 0\"} 200\n"));
  add("a", "job.completed", {{"kind", "finetune"}, {"state", "COMPLETED"}});
  const std::string after = metrics_.text();
  EXPECT_THAT(after, Not(HasSubstr("mlx_hub_training_loss{")));
  EXPECT_THAT(
      after, HasSubstr("mlx_hub_jobs_finished_total{kind=\"finetune\",state=\"COMPLETED\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("mlx_hub_job_wait_seconds_sum{kind=\"finetune\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("mlx_hub_job_run_seconds_sum{kind=\"finetune\"} 6\n"));
}

TEST_F(JobMetricsTest, StepsOfAnEarlierAttemptAreNotCountedAgain) {
  start("a");
  add("a", "job.progress", {{"step", 100}, {"total", 200}});  // goes on from a checkpoint
  add("a", "job.metric", report(110, 5000, 2));
  add("a", "job.metric", report(120, 5500, 2));
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_steps_total 20\n"));
  EXPECT_THAT(text, HasSubstr("mlx_hub_training_tokens_total 500\n"));
}

TEST_F(JobMetricsTest, SlotsAreUsedAgain) {
  start("a");
  start("b");
  EXPECT_EQ(jobs_.slot("a"), 0);
  EXPECT_EQ(jobs_.slot("b"), 1);
  add("a", "job.retry", {{"kind", "finetune"}});
  EXPECT_EQ(jobs_.slot("a"), std::nullopt);
  start("c");
  EXPECT_EQ(jobs_.slot("c"), 0);
}

TEST_F(JobMetricsTest, AJobThatNeverRanEndsToo) {
  add("a", "job.queued", {{"kind", "evaluate"}});
  add("a", "job.cancelled", {{"kind", "evaluate"}, {"state", "CANCELLED"}});
  const std::string text = metrics_.text();
  EXPECT_THAT(
      text, HasSubstr("mlx_hub_jobs_finished_total{kind=\"evaluate\",state=\"CANCELLED\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("mlx_hub_job_run_seconds_count")));
}

TEST_F(JobMetricsTest, OtherEventsChangeNothing) {
  jobs_.add({1, 1, "model.registered", "model", "m", "{}"});
  EXPECT_EQ(jobs_.slot("m"), std::nullopt);
}

}  // namespace
}  // namespace hub::hub
