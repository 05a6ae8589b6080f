#include "api/server/handler_pool.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace hub::api {
namespace {

TEST(HandlerPool, TakesThreadsPlusQueueAtOnceAndThenSaysNo) {
  for (int round = 0; round < 50; ++round) {  // threads that have not started yet count, too
    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<int> ran{0};
    HandlerPool pool(4, 3);
    const auto task = [released, &ran] {
      released.wait();
      ++ran;
    };
    for (int i = 0; i < 7; ++i) {
      ASSERT_TRUE(pool.try_run(task)) << "round " << round << ", task " << i;
    }
    EXPECT_FALSE(pool.try_run(task));
    release.set_value();
    pool.stop();
    EXPECT_EQ(ran, 7);
    EXPECT_FALSE(pool.try_run(task));
  }
}

TEST(HandlerPool, UsesAThreadAgain) {
  HandlerPool pool(1, 1);
  for (int i = 0; i < 20; ++i) {
    std::promise<void> done;
    auto result = done.get_future();
    ASSERT_TRUE(pool.try_run([&done] { done.set_value(); }));
    result.wait();
  }
}

}  // namespace
}  // namespace hub::api
