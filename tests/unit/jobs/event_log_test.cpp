#include "core/jobs/event_log.h"

#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/db/change_feed.h"
#include "tests/support/storage.h"

namespace hub::jobs {
namespace {

struct EventLogTest : public ::testing::Test {
  test::Storage storage;
  EventLog log{storage.pool};

  void append(const std::string& subject) {
    log.append(storage.clock.now_ms(), "job.metric", "job", subject, {{"step", 1}});
  }
};

TEST_F(EventLogTest, AnEventHasTheDocumentedForm) {
  append("job-1");
  const auto events = log.after(0, std::nullopt);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(
      events[0].to_json(),
      R"({"seq":1,"time":"2023-11-14T22:13:20.000Z","type":"job.metric",)"
      R"("subject":{"kind":"job","id":"job-1"},"data":{"step":1}})");
}

TEST_F(EventLogTest, ReadsAfterASequenceNumberAndBySubject) {
  append("a");
  append("b");
  append("a");
  EXPECT_EQ(log.last(), 3);
  EXPECT_EQ(log.after(1, std::nullopt).size(), 2U);
  const auto of_a = log.after(1, "a");
  ASSERT_EQ(of_a.size(), 1U);
  EXPECT_EQ(of_a[0].seq, 3);
  EXPECT_EQ(log.after(0, std::nullopt, 2).size(), 2U);
  EXPECT_EQ(log.after(0, "a", 9, "job.metric").size(), 2U);
  EXPECT_EQ(log.after(1, std::nullopt, 9, "job.metric").size(), 2U);
  EXPECT_TRUE(log.after(0, "a", 9, "job.sample").empty());
  EXPECT_TRUE(log.after(3, std::nullopt).empty());
}

TEST_F(EventLogTest, TheSequenceHasNoGapsWithManyWritersAndRollbacks) {
  std::vector<std::thread> threads;
  threads.reserve(6);
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        append(std::to_string(t));
        EXPECT_THROW(
            storage.pool.write([&](db::Connection& connection) {
              db::record_event(connection, 0, "x", "job", "lost", base::Json::object());
              throw std::runtime_error("rolled back");
            }),
            std::runtime_error);
      }
    });
  }
  // A reader meanwhile never sees a number whose predecessors are missing.
  std::int64_t seen = 0;
  while (seen < 150) {
    for (const Event& event : log.after(seen, std::nullopt)) {
      ASSERT_EQ(event.seq, seen + 1);
      seen = event.seq;
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(log.last(), 150);
}

TEST_F(EventLogTest, AWaiterWakesForACommit) {
  const std::uint64_t seen = log.commits();
  std::thread writer([&] { append("a"); });
  log.wait(seen, std::chrono::seconds(20));
  EXPECT_EQ(log.after(0, std::nullopt).size(), 1U);
  writer.join();
}

TEST_F(EventLogTest, ACommitBetweenReadingAndWaitingIsNotSleptOver) {
  const std::uint64_t seen = log.commits();
  append("a");
  const auto before = std::chrono::steady_clock::now();
  log.wait(seen, std::chrono::seconds(20));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
}

TEST_F(EventLogTest, CloseWakesEverybodyForGood) {
  std::thread waiter([&] { log.wait(log.commits(), std::chrono::seconds(20)); });
  log.close();
  waiter.join();
  log.wait(log.commits(), std::chrono::seconds(20));
  EXPECT_TRUE(log.closed());
}

}  // namespace
}  // namespace hub::jobs
