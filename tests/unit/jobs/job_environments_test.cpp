#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/jobs/job_queue.h"
#include "tests/support/storage.h"

namespace hub::jobs {
namespace {

using base::Json;

class JobEnvironments : public ::testing::Test {
 protected:
  std::string running() {
    NewJob job;
    job.kind = "finetune";
    const std::string id = queue.enqueue(job).id;
    EXPECT_EQ(queue.claim("w", storage.clock.now_ms())->id, id);
    return id;
  }

  test::Storage storage;
  JobQueue queue{storage.pool, storage.clock};
};

TEST_F(JobEnvironments, KeepsEachInWhichAnAttemptRanOnce) {
  const std::string id = running();
  EXPECT_TRUE(queue.environments(id).empty());
  EXPECT_TRUE(queue.record_environment(id, {{"threads", 2}}));
  const auto again = [&](int threads) {
    queue.retry(id, "it crashed", 0);
    EXPECT_EQ(queue.claim("w", storage.clock.now_ms())->id, id);
    EXPECT_TRUE(queue.record_environment(id, {{"threads", threads}}));
  };
  again(2);
  again(4);
  again(2);  // back to the first is another change
  const auto kept = queue.environments(id);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].json, R"({"threads":2})");
  EXPECT_EQ(kept[0].attempt, 1);
  EXPECT_EQ(kept[0].time_ms, storage.clock.now_ms());
  EXPECT_EQ(kept[1].json, R"({"threads":4})");
  EXPECT_EQ(kept[1].attempt, 3);
  EXPECT_EQ(kept[2].attempt, 4);
}

TEST_F(JobEnvironments, IsOfRunningJobsOnlyAndGoesWithThem) {
  EXPECT_FALSE(queue.record_environment("none", Json::object()));
  const std::string id = running();
  EXPECT_TRUE(queue.record_environment(id, {{"threads", 2}}));
  queue.complete(id, Json::object());
  EXPECT_FALSE(queue.record_environment(id, {{"threads", 4}}));
  EXPECT_EQ(queue.environments(id).size(), 1U);
  queue.remove(id);
  EXPECT_TRUE(queue.environments(id).empty());
}

TEST_F(JobEnvironments, AReproductionNamesItsOriginalAlsoWhenThatIsGone) {
  const std::string id = running();
  queue.complete(id, Json::object());
  NewJob again;
  again.kind = "finetune";
  again.reproduces = id;
  const std::string made = queue.enqueue(again).id;
  EXPECT_EQ(queue.get(made).reproduces, id);
  EXPECT_EQ(queue.get(id).reproduces, std::nullopt);
  queue.remove(id);
  EXPECT_EQ(queue.get(made).reproduces, id);
}

}  // namespace
}  // namespace hub::jobs
