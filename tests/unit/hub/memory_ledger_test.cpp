#include "core/hub/memory_ledger.h"

#include <limits>

#include <gtest/gtest.h>

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
  EXPECT_EQ(ledger.lines().at(0).reserved_bytes, 50U);
  job->measured(90);
  EXPECT_EQ(ledger.lines().at(0).measured_bytes, 90U);
  EXPECT_EQ(ledger.reserve("other", 20), nullptr);
}

}  // namespace
}  // namespace hub::hub
