#include "core/train/lr_schedule.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/train/golden_file.h"

namespace hub::train {
namespace {

model_config::FinetuneParams schedule_params(const char* kind, double peak, int warmup) {
  model_config::FinetuneParams params;
  params.lr_schedule = kind;
  params.learning_rate = peak;
  params.warmup_steps = warmup;
  return params;
}

TEST(LrScheduleTest, EqualsMlxLm) {
  const base::Json runs = golden("optimizers_golden.json").at("schedules");
  ASSERT_EQ(runs.size(), 10U);
  for (const base::Json& run : runs) {
    const auto params = model_config::FinetuneParams::from_json(run.at("params"), "params");
    const LrSchedule schedule(params, run.at("total").get<int>());
    int update = 0;
    for (const base::Json& rate : run.at("rates")) {
      EXPECT_NEAR(schedule.at(update), rate.get<double>(), 1e-9) << run.dump() << " at " << update;
      ++update;
    }
  }
}

TEST(LrScheduleTest, ConstantStaysAfterWarmUp) {
  const LrSchedule schedule(schedule_params("constant", 0.5, 4), 10);
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(2), 0.25);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(100), 0.5);
}

TEST(LrScheduleTest, WarmUpLongerThanTheRunStillWorks) {
  const LrSchedule schedule(schedule_params("cosine", 1.0, 10), 3);
  EXPECT_DOUBLE_EQ(schedule.at(2), 0.2);
  EXPECT_GE(schedule.at(50), 0.0);
}

TEST(LrScheduleTest, RefusesAnUnknownKindAndMissingSettings) {
  const auto refused_field = [](const char* kind) {
    try {
      const LrSchedule schedule(schedule_params(kind, 1.0, 0), 10);
    } catch (const base::Error& error) {
      return error.param();
    }
    return std::string("none");
  };
  EXPECT_EQ(refused_field("exponential"), "params.lr_schedule");
  EXPECT_EQ(refused_field("exponential_decay"), "params.lr_decay_rate");
  EXPECT_EQ(refused_field("step_decay"), "params.lr_decay_rate");
  EXPECT_EQ(refused_field("linear"), "none");
}

}  // namespace
}  // namespace hub::train
