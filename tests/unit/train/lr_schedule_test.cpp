#include "core/train/lr_schedule.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/train/golden_file.h"

namespace hub::train {
namespace {

TEST(LrScheduleTest, EqualsMlxLm) {
  for (const base::Json& run : golden("adamw_golden.json").at("schedules")) {
    const LrSchedule schedule(
        run.at("kind").get<std::string>(),
        run.at("peak").get<double>(),
        run.at("warmup").get<int>(),
        run.at("total").get<int>());
    int update = 0;
    for (const base::Json& rate : run.at("rates")) {
      EXPECT_NEAR(schedule.at(update), rate.get<double>(), 1e-9) << run.dump() << " at " << update;
      ++update;
    }
  }
}

TEST(LrScheduleTest, ConstantStaysAfterWarmUp) {
  const LrSchedule schedule("constant", 0.5, 4, 10);
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(2), 0.25);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(100), 0.5);
}

TEST(LrScheduleTest, WarmUpLongerThanTheRunStillWorks) {
  const LrSchedule schedule("cosine", 1.0, 10, 3);
  EXPECT_DOUBLE_EQ(schedule.at(2), 0.2);
  EXPECT_GE(schedule.at(50), 0.0);
}

TEST(LrScheduleTest, RefusesAnUnknownKind) {
  try {
    const LrSchedule schedule("exponential", 1.0, 0, 10);
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.param(), "params.lr_schedule");
    EXPECT_NE(std::string(error.what()).find("exponential"), std::string::npos);
  }
}

}  // namespace
}  // namespace hub::train
