#include "core/base/channel.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace hub::base {
namespace {

TEST(Channel, SaysNoWhenFullOrClosed) {
  Channel<int> channel(2);
  EXPECT_TRUE(channel.try_push(1));
  EXPECT_TRUE(channel.try_push(2));
  EXPECT_FALSE(channel.try_push(3));
  channel.close();
  EXPECT_FALSE(channel.try_push(4));
  EXPECT_EQ(channel.pop(), 1);  // what was inside is not lost
  EXPECT_EQ(channel.pop(), 2);
  EXPECT_EQ(channel.pop(), std::nullopt);
}

TEST(Channel, ClosingWakesAWaitingReader) {
  Channel<int> channel(1);
  std::thread closer([&] { channel.close(); });
  EXPECT_EQ(channel.pop(), std::nullopt);
  closer.join();
}

TEST(Channel, PopForGivesUp) {
  Channel<int> channel(1);
  EXPECT_EQ(channel.pop_for(std::chrono::milliseconds(1)), std::nullopt);
  EXPECT_FALSE(channel.closed());
  EXPECT_EQ(channel.try_pop(), std::nullopt);
}

TEST(Channel, DeliversEverythingInOrderAcrossThreads) {
  Channel<int> channel(8);
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) {
      while (!channel.try_push(i)) {
        std::this_thread::yield();
      }
    }
    channel.close();
  });
  int expected = 0;
  while (const auto item = channel.pop()) {
    EXPECT_EQ(*item, expected++);
  }
  EXPECT_EQ(expected, 1000);
  writer.join();
}

}  // namespace
}  // namespace hub::base
