#include "core/hub/memory_ledger.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

TEST(MemoryLedger, SaysNoBeyondTheBudgetAndGivesBack) {
  MemoryLedger ledger(100);
  auto first = ledger.reserve("engine a", 60);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(ledger.reserve("engine b", 41), nullptr);
  EXPECT_NE(ledger.reserve("engine b", 40), nullptr);  // given back at once
  EXPECT_EQ(ledger.reserved_bytes(), 60U);
  first.reset();
  EXPECT_EQ(ledger.reserved_bytes(), 0U);
  EXPECT_EQ(ledger.reserve("all", std::numeric_limits<std::uint64_t>::max()), nullptr);
}

TEST(MemoryLedger, MeasurementsRaiseAnEstimateButNeverLowerIt) {
  MemoryLedger ledger(100);
  const auto job = ledger.reserve("job", 50);
  job->measured(20);
  EXPECT_EQ(ledger.snapshot().lines.at(0).reserved_bytes, 50U);
  job->measured(90);
  EXPECT_EQ(ledger.snapshot().lines.at(0).measured_bytes, 90U);
  EXPECT_EQ(ledger.reserve("other", 20), nullptr);
}

TEST(MemoryLedger, WhatTheMachineLacksIsNotPromised) {
  std::uint64_t available = 100;
  MemoryLedger ledger(1000, [&] { return available; });
  const auto first = ledger.reserve("a", 60);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(ledger.reserve("b", 41), nullptr) << "60 of the 100 are promised already";
  first->measured(50);
  available = 50;  // the child took its share
  EXPECT_EQ(ledger.snapshot().free_bytes(), 40U);
  EXPECT_NE(ledger.reserve("b", 40), nullptr);
}

TEST(MemoryLedger, ADeviceLimitLowersTheBudgetOnly) {
  MemoryLedger ledger(100);
  ledger.limit_budget(200);
  EXPECT_EQ(ledger.budget_bytes(), 100U);
  ledger.limit_budget(50);
  EXPECT_EQ(ledger.reserve("a", 51), nullptr);
}

TEST(MemoryLedger, AWorkersReportIsMeasuredAndItsDevicesLimitHolds) {
  MemoryLedger ledger(100);
  const auto engine = ledger.reserve("engine", 20);
  const base::Json report = {{"resident_bytes", 30}, {"device_limit_bytes", 70}};
  engine->measured(base::JsonReader(report));
  EXPECT_EQ(ledger.reserved_bytes(), 30U);
  EXPECT_EQ(ledger.budget_bytes(), 70U);
  EXPECT_EQ(ledger.reserve("job", 41), nullptr);
  const base::Json without = {{"resident_bytes", 10}};
  engine->measured(base::JsonReader(without));
  EXPECT_EQ(ledger.budget_bytes(), 70U);
}

TEST(MemoryLedger, LinesAddUpAndAreTold) {
  MemoryLedger ledger(64U << 20U, [] { return std::uint64_t{32U << 20U}; });
  const auto a = ledger.reserve("engine a", 5U << 20U);
  const auto b = ledger.reserve("job b", 4U << 20U);
  b->measured(6U << 20U);
  EXPECT_EQ(b->peak_bytes(), 6U << 20U);
  const auto now = ledger.snapshot();
  EXPECT_EQ(now.reserved_bytes, 11U << 20U);
  EXPECT_EQ(now.lines[0].reserved_bytes + now.lines[1].reserved_bytes, now.reserved_bytes);
  EXPECT_EQ(now.promised_bytes, 5U << 20U);
  EXPECT_EQ(
      describe(now),
      "11 of 64 MiB are reserved (engine a: 5 MiB, job b: 6 MiB), and the machine has 32 MiB free");
}

}  // namespace
}  // namespace hub::hub
