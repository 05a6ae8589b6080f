#include "core/engine/queue_limit.h"

#include <gtest/gtest.h>

#include "core/base/busy_error.h"

namespace hub::engine {
namespace {

using base::BusyError;
using base::ErrorCode;

TEST(EndRate, TellsWhenSoManyWillHaveEnded) {
  EndRate rate;
  for (int i = 0; i < 40; ++i) {
    rate.begun(0.0);
  }
  for (int i = 1; i <= 20; ++i) {
    rate.ended(i * 0.5);  // two a second
  }
  EXPECT_EQ(rate.seconds_for(10, 10.0), 5);
  EXPECT_EQ(rate.seconds_for(11, 10.0), 6);
  EXPECT_EQ(rate.seconds_for(1, 10.0), 1) << "never less than a second";
  EXPECT_EQ(rate.seconds_for(1000, 10.0), EndRate::kLongestWait);
}

TEST(EndRate, OnlyTimeWithRequestsCounts) {
  EndRate rate;
  rate.begun(0.0);
  rate.ended(1.0);
  rate.begun(1001.0);  // a thousand seconds of nothing
  rate.ended(1002.0);
  rate.begun(2000.0);
  EXPECT_EQ(rate.seconds_for(6, 2000.0), 6);
}

TEST(EndRate, WhatIsLongPastIsForgotten) {
  EndRate rate;
  for (int i = 0; i < 1001; ++i) {
    rate.begun(0.0);
  }
  for (int i = 0; i < 1000; ++i) {
    rate.ended(1.0);
  }
  EXPECT_EQ(rate.seconds_for(1, 50.0), 1);
  EXPECT_EQ(rate.seconds_for(1, 100.0), EndRate::kLongestWait) << "none ended in the last minute";
}

TEST(EndRate, BeforeAnyEndedItGuesses) {
  EndRate rate;
  EXPECT_EQ(rate.seconds_for(5, 0.0), 1);
  rate.begun(10.0);
  EXPECT_EQ(rate.seconds_for(5, 12.0), 10) << "as if one ended just now";
}

BusyError refusal(QueueLimit& queue, const std::string& key, double now) {
  try {
    queue.enter(key, now);
  } catch (const BusyError& error) {
    return error;
  }
  ADD_FAILURE() << key << " was let in";
  return {ErrorCode::kInternal, "", "", 0};
}

TEST(QueueLimit, AKeyHoldsThreeQuartersAndTheRestIsForOthers) {
  QueueLimit queue(8);
  for (int i = 0; i < 6; ++i) {
    queue.enter("flood", 0.0);
  }
  const BusyError of_key = refusal(queue, "flood", 2.0);
  EXPECT_EQ(of_key.code(), ErrorCode::kRateLimited);
  EXPECT_EQ(of_key.reason(), "key_queue_full");
  EXPECT_EQ(of_key.retry_after_s(), 12);
  queue.enter("other", 2.0);
  queue.enter("third", 2.0);
  const BusyError of_all = refusal(queue, "fourth", 2.0);
  EXPECT_EQ(of_all.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(of_all.reason(), "engine_busy");
  EXPECT_EQ(of_all.retry_after_s(), 16);
  EXPECT_EQ(queue.waiting(), 8);
  EXPECT_EQ(queue.waiting_keys(), 3U);
  EXPECT_EQ(queue.refused(), 1U);
  EXPECT_EQ(queue.refused_for_key(), 1U);
}

TEST(QueueLimit, WhoBeganWaitsNoLonger) {
  QueueLimit queue(4);
  for (int i = 0; i < 3; ++i) {
    queue.enter("a", 0.0);
  }
  EXPECT_EQ(refusal(queue, "a", 0.0).reason(), "key_queue_full");
  queue.set_waiting({{"a", 1}});
  EXPECT_EQ(queue.waiting(), 1);
  queue.enter("a", 1.0);
  queue.ended(2.0);
  EXPECT_EQ(queue.waiting(), 2) << "that one ran";
}

TEST(QueueLimit, OnePlaceIsForAnybody) {
  QueueLimit queue(1);
  queue.enter("a", 0.0);
  EXPECT_EQ(refusal(queue, "b", 0.0).reason(), "engine_busy");
}

}  // namespace
}  // namespace hub::engine
