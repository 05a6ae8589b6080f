#include "core/engine/fair_shares.h"

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

std::uint64_t served(const FairShares& shares, int key) {
  return shares.served()[static_cast<std::size_t>(key)];
}

TEST(TokenCost, TokensOfAnAnswerCostTwice) {
  EXPECT_EQ(token_cost(0, 10, 10), 10U);
  EXPECT_EQ(token_cost(4, 10, 10), 6U);
  EXPECT_EQ(token_cost(10, 13, 10), 6U);
  EXPECT_EQ(token_cost(8, 12, 10), 6U);
  EXPECT_EQ(token_cost(7, 7, 10), 0U);
}

TEST(FairShares, SequencesOfAKeyShareItsCounter) {
  FairShares shares;
  const int a = shares.join("a");
  EXPECT_EQ(shares.join("a"), a);
  const int b = shares.join("b");
  EXPECT_NE(a, b);
  shares.charge(a, 5);
  shares.charge(a, 2);
  EXPECT_EQ(served(shares, a), 7U);
  EXPECT_EQ(served(shares, b), 0U);
}

TEST(FairShares, HavingBeenIdleEarnsNothing) {
  FairShares shares;
  const int busy = shares.join("busy");
  shares.charge(busy, 1000);
  const int late = shares.join("late");
  EXPECT_EQ(served(shares, late), 1000U) << "of the least served with work";
  shares.charge(late, 10);
  const int later = shares.join("later");
  EXPECT_EQ(served(shares, later), 1000U);
}

TEST(FairShares, WhoWasServedMoreKeepsItsDebtWhileOthersWork) {
  FairShares shares;
  const int poor = shares.join("poor");
  const int rich = shares.join("rich");
  shares.charge(rich, 500);
  shares.leave(rich);
  EXPECT_EQ(shares.remembered(), 2U);
  EXPECT_EQ(served(shares, shares.join("rich")), 500U);
  shares.leave(rich);
  shares.charge(poor, 600);
  shares.leave(shares.join("somebody"));
  EXPECT_EQ(shares.remembered(), 1U) << "it would be lifted to 600 anyway";
}

TEST(FairShares, WhenAllAreIdleNobodyIsRemembered) {
  FairShares shares;
  for (int round = 0; round < 1000; ++round) {
    const int key = shares.join(std::to_string(round));
    shares.charge(key, 10);
    shares.leave(key);
  }
  EXPECT_EQ(shares.remembered(), 0U);
  EXPECT_EQ(shares.served().size(), 1U) << "places are used again";
  EXPECT_EQ(served(shares, shares.join("x")), 0U) << "and nobody inherits";
}

}  // namespace
}  // namespace hub::engine
