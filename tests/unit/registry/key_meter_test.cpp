#include "core/registry/key_meter.h"

#include <future>

#include <gtest/gtest.h>

#include "core/registry/key_registry.h"
#include "tests/support/storage.h"

namespace hub::registry {
namespace {

class Meter : public ::testing::Test {
 protected:
  ApiKey key(const KeyLimits& limits) {
    return keys.create({.name = "k", .scopes = {Scope::kInfer}, .limits = limits}).key;
  }

  test::Storage storage;
  KeyRegistry keys{storage.pool, storage.clock};
  KeyMeter meter{storage.pool, storage.clock};
};

TEST_F(Meter, AKeyWithoutLimitsIsOnlyCounted) {
  const ApiKey free = key({});
  for (int i = 0; i < 100; ++i) {
    const auto standing = meter.admit(free, true);
    EXPECT_FALSE(standing.exceeded || standing.requests || standing.tokens);
  }
  EXPECT_EQ(meter.use(free.id).requests, 100);
  EXPECT_EQ(meter.use("nobody").requests, 0);
}

TEST_F(Meter, AMinutesRequestsAreThereAtOnceAndComeBackOneByOne) {
  const ApiKey limited = key({.requests_per_minute = 3});
  for (const int left : {2, 1, 0}) {
    const auto standing = meter.admit(limited, false);
    ASSERT_FALSE(standing.exceeded);
    EXPECT_EQ(standing.requests->limit, 3);
    EXPECT_EQ(standing.requests->remaining, left);
    EXPECT_EQ(standing.requests->full_in_ms, (3 - left) * 20'000);
  }
  const auto refused = meter.admit(limited, false);
  EXPECT_EQ(refused.exceeded, KeyLimit::kRequests);
  EXPECT_EQ(refused.retry_after_s, 20);
  EXPECT_EQ(refused.requests->remaining, 0);
  storage.clock.advance_ms(19'000);
  EXPECT_EQ(meter.admit(limited, false).retry_after_s, 1);
  storage.clock.advance_ms(1000);
  EXPECT_FALSE(meter.admit(limited, false).exceeded);
  EXPECT_TRUE(meter.admit(limited, false).exceeded);
  storage.clock.advance_ms(3'600'000);  // never more than the limit at once
  EXPECT_EQ(meter.admit(limited, false).requests->remaining, 2);
  EXPECT_EQ(meter.use(limited.id).requests, 5);
  EXPECT_EQ(meter.use(limited.id).refused_requests, 3);
}

TEST_F(Meter, TokensAreTakenWhenTheyAreKnownAndOwedOnesAreMadeUpFor) {
  const ApiKey limited = key({.tokens_per_minute = 600});
  ASSERT_FALSE(meter.admit(limited, true).exceeded);
  meter.add_tokens(limited.id, 500, 400);
  const auto refused = meter.admit(limited, true);
  EXPECT_EQ(refused.exceeded, KeyLimit::kTokens);
  EXPECT_EQ(refused.retry_after_s, 31);  // 301 tokens at 10 a second
  EXPECT_EQ(refused.tokens->remaining, 0);
  EXPECT_EQ(refused.tokens->full_in_ms, 90'000);
  EXPECT_FALSE(meter.admit(limited, false).exceeded) << "what takes no tokens is let in";
  storage.clock.advance_ms(30'100);
  const auto again = meter.admit(limited, true);
  EXPECT_FALSE(again.exceeded);
  EXPECT_EQ(again.tokens->remaining, 1);
  EXPECT_EQ(meter.use(limited.id).prompt_tokens, 500);
  EXPECT_EQ(meter.use(limited.id).completion_tokens, 400);
}

TEST_F(Meter, TheTimeOfALongAnswerDoesNotCountTwice) {
  const ApiKey limited = key({.tokens_per_minute = 20'000});
  ASSERT_FALSE(meter.admit(limited, true).exceeded);
  storage.clock.advance_ms(5 * 60'000);  // full all along
  meter.add_tokens(limited.id, 30'000, 50'000);
  const auto refused = meter.admit(limited, true);
  EXPECT_EQ(refused.exceeded, KeyLimit::kTokens);
  EXPECT_EQ(refused.tokens->full_in_ms, 4 * 60'000) << "60,000 are owed";
  EXPECT_EQ(refused.retry_after_s, 181);
}

TEST_F(Meter, ARequestThatTheTokensRefuseTakesNoneOfTheRequests) {
  const ApiKey limited = key({.requests_per_minute = 10, .tokens_per_minute = 60});
  EXPECT_EQ(meter.admit(limited, true).requests->remaining, 9);
  meter.add_tokens(limited.id, 60, 0);
  const auto refused = meter.admit(limited, true);
  EXPECT_EQ(refused.exceeded, KeyLimit::kTokens);
  EXPECT_EQ(refused.requests->remaining, 9);
}

TEST_F(Meter, ChangedLimitsHoldFromTheNextRequestOn) {
  ApiKey changing = key({.requests_per_minute = 2});
  static_cast<void>(meter.admit(changing, false));
  static_cast<void>(meter.admit(changing, false));
  ASSERT_TRUE(meter.admit(changing, false).exceeded);
  changing.limits.requests_per_minute = 120;
  EXPECT_TRUE(meter.admit(changing, false).exceeded) << "a higher limit gives nothing at once";
  storage.clock.advance_ms(500);
  EXPECT_FALSE(meter.admit(changing, false).exceeded);
  changing.limits = {};
  EXPECT_FALSE(meter.admit(changing, false).requests);
  changing.limits.requests_per_minute = 2;
  EXPECT_EQ(meter.admit(changing, false).requests->remaining, 1);
}

TEST_F(Meter, AClockThatGoesBackFillsNothing) {
  const ApiKey limited = key({.requests_per_minute = 1});
  static_cast<void>(meter.admit(limited, false));
  storage.clock.advance_ms(-3'600'000);
  EXPECT_TRUE(meter.admit(limited, false).exceeded);
  storage.clock.advance_ms(60'000);
  EXPECT_FALSE(meter.admit(limited, false).exceeded);
}

TEST_F(Meter, StreamsHoldPlacesUntilTheyEnd) {
  const ApiKey limited = key({.concurrent_streams = 2});
  auto first = meter.begin_stream(limited.id, limited.limits);
  const auto second = meter.begin_stream(limited.id, limited.limits);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(meter.begin_stream(limited.id, limited.limits));
  EXPECT_TRUE(meter.begin_stream("another", limited.limits));
  EXPECT_EQ(meter.use(limited.id).refused_requests, 1);
  first.reset();
  EXPECT_TRUE(meter.begin_stream(limited.id, limited.limits));
  EXPECT_TRUE(meter.begin_stream(limited.id, {}));
}

TEST_F(Meter, APlaceIsWaitedForByNoMoreThanThereArePlaces) {
  const ApiKey limited = key({.concurrent_streams = 1});
  auto first = meter.begin_stream(limited.id, limited.limits);
  const auto ask = [&] {
    return meter.begin_stream(limited.id, limited.limits, std::chrono::seconds(30));
  };
  auto one = std::async(std::launch::async, ask);
  auto other = std::async(std::launch::async, ask);
  const auto is_done = [](const auto& asked, int ms) {
    return asked.wait_for(std::chrono::milliseconds(ms)) == std::future_status::ready;
  };
  while (!is_done(one, 1) && !is_done(other, 1)) {
  }
  auto& refused = is_done(one, 0) ? one : other;
  auto& waits = &refused == &one ? other : one;
  EXPECT_FALSE(refused.get());
  ASSERT_FALSE(is_done(waits, 100)) << "it has been given up at once";
  first.reset();
  EXPECT_TRUE(waits.get());
  EXPECT_EQ(meter.use(limited.id).refused_requests, 1);
}

TEST_F(Meter, CountsAreThereAfterARestartOnceTheyWereWritten) {
  const ApiKey limited = key({.requests_per_minute = 1});
  static_cast<void>(meter.admit(limited, true));
  static_cast<void>(meter.admit(limited, true));
  meter.add_tokens(limited.id, 7, 5);
  EXPECT_EQ(KeyMeter(storage.pool, storage.clock).use(limited.id).requests, 0);
  meter.flush();
  const KeyUse kept = KeyMeter(storage.pool, storage.clock).use(limited.id);
  EXPECT_EQ(kept.requests, 1);
  EXPECT_EQ(kept.refused_requests, 1);
  EXPECT_EQ(kept.prompt_tokens, 7);
  EXPECT_EQ(kept.completion_tokens, 5);
}

}  // namespace
}  // namespace hub::registry
