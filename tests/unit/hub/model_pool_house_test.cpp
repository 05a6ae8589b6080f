#include <chrono>
#include <limits>
#include <optional>
#include <thread>

#include "core/hub/engine_metrics.h"
#include "tests/unit/hub/model_pool_fixture.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ModelPoolTest, ASlowStepIsSeenAndItsTimeGoesOnThoughTheEngineIsSilent) {
  options_.slow_step_seconds = 100;
  use_worker(
      "echo '{\"v\":1,\"type\":\"work\",\"steps\":7,\"running\":1,\"waiting\":3,\"waiting_keys\":2,"
      "\"step_seconds\":99.9,\"slow_steps\":4}'\n"
      "echo '{\"v\":1,\"type\":\"ready\"}'\n"
      "sleep 60 &\nwait\n");
  const auto lease = pool_->acquire(model("slow"));
  EXPECT_EQ(pool_->engines()[0].figures.work.slow_steps, 4);
  EXPECT_EQ(pool_->engines()[0].figures.work.waiting_keys, 2);
  for (int tries = 0; tries < 1000 && !pool_->engines()[0].slow; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(pool_->engines()[0].slow);
  EXPECT_GT(pool_->engines()[0].figures.work.step_seconds, 100);
}

TEST_F(ModelPoolTest, HousekeepingUnloadsTheIdleAndEndsWhatHangs) {
  obs::Metrics metrics;
  EngineMetrics engine_metrics(metrics);
  options_.metrics = &engine_metrics;
  options_.idle_unload_seconds = 0.05;
  options_.stall_seconds = 0.05;
  use_worker(
      "echo '{\"v\":1,\"type\":\"ready\"}'\n"
      "for i in 1 2 3; do echo '{\"v\":1,\"type\":\"work\",\"steps\":7,\"requests\":1}'; done\n"
      "sleep 60 &\nwait\n");
  auto lease = std::make_unique<EngineLease>(pool_->acquire(model("hangs")));
  for (int tries = 0; tries < 1000 && !pool_->engines().empty(); ++tries) {
    pool_->keep_house();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(pool_->engines(), IsEmpty()) << "its requests end, the next one starts a new engine";
  lease.reset();
  EXPECT_THAT(metrics.text(), HasSubstr("mlx_hub_engine_ends_total{reason=\"hung\"} 1\n"));

  use_worker(kWorker);
  auto used = std::make_unique<EngineLease>(pool_->acquire(model("a")));
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  pool_->keep_house();
  EXPECT_THAT(pool_->engines(), SizeIs(1)) << "it is in use";
  used.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  pool_->keep_house();
  EXPECT_THAT(pool_->engines(), IsEmpty());
  pool_.reset();  // before the metrics that it tells
}

TEST_F(ModelPoolTest, ARequestSaysHowLongItsEngineStays) {
  auto lease = std::make_unique<EngineLease>(pool_->acquire(model("a")));
  lease->keep_alive(0);
  pool_->keep_house();
  EXPECT_THAT(pool_->engines(), SizeIs(1)) << "it is in use";
  lease.reset();
  pool_->keep_house();
  EXPECT_THAT(pool_->engines(), IsEmpty());

  options_.idle_unload_seconds = 0.01;
  use_worker(kWorker);
  const auto ask = [&](std::optional<double> seconds) {
    pool_->acquire(model("a")).keep_alive(seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pool_->keep_house();
  };
  ask(std::numeric_limits<double>::infinity());
  EXPECT_THAT(pool_->engines(), SizeIs(1)) << "it was asked to stay";
  ask(std::nullopt);
  EXPECT_THAT(pool_->engines(), IsEmpty()) << "the last request counts";
}

TEST_F(ModelPoolTest, ALeaseIsThereAtOnceOnlyForWhatIsLoadedWhole) {
  ServedModel adapted = model("a");
  EXPECT_FALSE(pool_->lease_if_ready(adapted).has_value());
  EXPECT_THAT(pool_->engines(), IsEmpty());
  static_cast<void>(pool_->acquire(adapted));
  EXPECT_TRUE(pool_->lease_if_ready(adapted).has_value());
  adapted.adapter = ServedModel::Trained{"adapter-1", folder_.path() / "good"};
  EXPECT_FALSE(pool_->lease_if_ready(adapted).has_value());
  static_cast<void>(pool_->acquire(adapted));
  const auto lease = pool_->lease_if_ready(adapted);
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(pool_->engines()[0].users, 1);
}

}  // namespace
}  // namespace hub::hub
