#include "core/kernels/thread_pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"

namespace hub::kernels {
namespace {

TEST(ThreadPool, RunsEveryChunkOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int round = 0; round < 200; ++round) {
      const int chunks = round % 37;
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(chunks));
      pool.for_each(chunks, [&](int i) { ++runs[static_cast<std::size_t>(i)]; });
      for (const auto& run : runs) {
        EXPECT_EQ(run.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, SleepersWakeUp) {
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> runs{0};
    pool.for_each(100, [&](int) { ++runs; });
    EXPECT_EQ(runs.load(), 100);
  }
}

TEST(ThreadPool, SecondCallerAndNestedCallRunAlone) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  const auto outer = [&] {
    for (int round = 0; round < 100; ++round) {
      pool.for_each(8, [&](int) { pool.for_each(4, [&](int) { ++runs; }); });
    }
  };
  std::thread other(outer);
  outer();
  other.join();
  EXPECT_EQ(runs.load(), 2 * 100 * 8 * 4);
}

TEST(ThreadPool, ThreadsCanChange) {
  ThreadPool pool(1);
  for (const int threads : {4, 1, 2}) {
    pool.set_threads(threads);
    std::atomic<int> runs{0};
    pool.for_each(50, [&](int) { ++runs; });
    EXPECT_EQ(runs.load(), 50);
    EXPECT_EQ(pool.threads(), threads);
  }
}

TEST(ThreadPool, RefusesSenselessNumbers) {
  EXPECT_THROW(ThreadPool(0), base::Error);
  EXPECT_EQ(ThreadPool::threads_from("3"), 3);
  EXPECT_GE(ThreadPool::threads_from(""), 1);
  for (const char* text : {"0", "-1", "2x", "x", "1025", " 2", "99999999999999999999"}) {
    EXPECT_THROW(ThreadPool::threads_from(text), base::Error) << text;
  }
}

TEST(CpuLevel, NamesAreCheckedAgainstTheMachine) {
  for (const auto level : available_cpu_levels()) {
    EXPECT_EQ(cpu_level_named(to_string(level)), level);
  }
  EXPECT_THROW(cpu_level_named("sse9"), base::Error);
  EXPECT_THROW(cpu_level_named(""), base::Error);
  {
    const ScopedCpuLevel forced(CpuLevel::kPortable);
    EXPECT_EQ(cpu_level(), CpuLevel::kPortable);
  }
}

}  // namespace
}  // namespace hub::kernels
