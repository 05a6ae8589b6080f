#include "core/hub/model_pool.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/hub/engine_metrics.h"
#include "core/hub/folders.h"
#include "core/model_config/memory_estimate.h"
#include "core/obs/log.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kConfig =
    R"({"model_type":"llama","hidden_size":64,"intermediate_size":128,
  "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":100,
  "max_position_embeddings":256,"rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true})";

// Says ready, answers attach (refusing the folder "bad"), ends when its input closes or it is told
// to drain.
constexpr std::string_view kWorker = R"sh(
echo '{"v":1,"type":"ready"}'
while read -r line; do
  id=$(echo "$line" | sed 's/.*"id":"\([^"]*\)".*/\1/')
  case "$line" in
    *'"attach"'*bad*) echo "{\"v\":1,\"type\":\"attached\",\"id\":\"$id\",\"error\":{\"code\":\"unprocessable\",\"message\":\"no such tensor\"}}" ;;
    *'"attach"'*) echo "{\"v\":1,\"type\":\"attached\",\"id\":\"$id\"}" ;;
    *'"drain"'*) exit 0 ;;
  esac
done
)sh";

class ModelPoolTest : public testing::Test {
 protected:
  ModelPoolTest() { use_worker(kWorker); }

  void use_worker(std::string_view script) {
    options_.worker_executable = folder_.write_script("worker", script);
    pool_ = std::make_unique<ModelPool>(options_, ledger_);
  }

  // A folder whose weights have this many bytes by their header; the file has a hole instead.
  [[nodiscard]] std::filesystem::path write_model(
      const std::string& name, std::uint64_t bytes) const {
    static_cast<void>(folder_.write(name + "/config.json", kConfig));
    std::string header =
        fmt::format(R"({{"w":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}}}})", bytes);
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    const auto file = folder_.write(name + "/model.safetensors", length + header);
    std::filesystem::resize_file(file, length.size() + header.size() + bytes);
    return folder_.path() / name;
  }

  [[nodiscard]] ServedModel model(const std::string& name, std::uint64_t bytes = 1000) const {
    return {
        .base_version_id = "id-" + name,
        .base_name = name,
        .base_folder = write_model(name, bytes),
        .adapter = std::nullopt};
  }

  std::vector<std::string> checked_;
  std::string broken_;  // the version whose files are not what was recorded
  test::TempDir folder_;
  ModelPool::Options options_{
      .worker_executable = {},
      .runtime_folder = folder_.path(),
      .log_folder = folder_.path(),
      .kv_budget_bytes = 1U << 20U,
      .max_running = 4,
      .threads = 0,
      .load_timeout_seconds = 10,
      .job_patience_seconds = 0,
      .check_files = [this](const std::string& id) {
        checked_.push_back(id);
        if (id == broken_) {
          throw base::Error(
              base::ErrorCode::kUnprocessable, "bits fell over", "model", "model_corrupt");
        }
      }};
  MemoryLedger ledger_{1ULL << 30U};
  std::unique_ptr<ModelPool> pool_;
};

TEST_F(ModelPoolTest, StartsOneEngineAndSharesIt) {
  const EngineLease first = pool_->acquire(model("a"));
  const EngineLease second = pool_->acquire(model("a"));
  EXPECT_EQ(first.socket(), second.socket());
  ASSERT_THAT(pool_->engines(), SizeIs(1));
  EXPECT_EQ(pool_->engines()[0].users, 2);
  EXPECT_EQ(pool_->engines()[0].state, "ready");
}

TEST_F(ModelPoolTest, AttachesAnAdapterOnceAndPassesTheReasonOfARefusal) {
  ServedModel served = model("a");
  served.adapter = ServedModel::Trained{"adapter-1", folder_.path() / "good"};
  static_cast<void>(pool_->acquire(served));
  static_cast<void>(pool_->acquire(served));
  EXPECT_THAT(pool_->engines()[0].adapters, ElementsAre("adapter-1"));

  served.adapter = ServedModel::Trained{"adapter-2", folder_.path() / "bad"};
  try {
    static_cast<void>(pool_->acquire(served));
    FAIL() << "a bad adapter was attached";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_THAT(error.what(), HasSubstr("no such tensor"));
  }
}

TEST_F(ModelPoolTest, EnginesLogFromTheServersLevelUpAlsoWhenItChanges) {
  use_worker(R"sh(
echo "$*" >&2
echo '{"v":1,"type":"ready"}'
while read -r line; do
  case "$line" in
    *'"drain"'*) exit 0 ;;
    *) echo "$line" >&2 ;;
  esac
done
)sh");
  static_cast<void>(pool_->acquire(model("a")));
  pool_->keep_house();
  obs::log::set_level(obs::log::Level::kError);
  pool_->keep_house();
  pool_->keep_house();
  pool_->close(5);
  const auto log = folder_.path() / "engine-a.log";
  obs::log::set_level(obs::log::Level::kInfo);
  const std::string text = base::read_file(log);
  EXPECT_THAT(text, HasSubstr("--log-format json --log-level info"));
  const std::string told = R"("type":"log_level","level":"error")";
  EXPECT_THAT(text, HasSubstr(told));
  EXPECT_EQ(text.find(told), text.rfind(told)) << "told once";
}

TEST_F(ModelPoolTest, FilesAreCheckedBeforeTheyAreLoadedAndNotAgain) {
  ServedModel served = model("a");
  static_cast<void>(pool_->acquire(served));
  static_cast<void>(pool_->acquire(served));
  EXPECT_THAT(checked_, ElementsAre("id-a"));
  served.adapter = ServedModel::Trained{"adapter-1", folder_.path() / "good"};
  static_cast<void>(pool_->acquire(served));
  static_cast<void>(pool_->acquire(served));
  EXPECT_THAT(checked_, ElementsAre("id-a", "adapter-1"));

  broken_ = "id-b";
  EXPECT_THROW(static_cast<void>(pool_->acquire(model("b"))), base::Error);
  broken_ = "adapter-2";
  served.adapter = ServedModel::Trained{"adapter-2", folder_.path() / "good"};
  EXPECT_THROW(static_cast<void>(pool_->acquire(served)), base::Error);
  ASSERT_THAT(pool_->engines(), SizeIs(1)) << "nothing was started for files that are broken";
  EXPECT_THAT(pool_->engines()[0].adapters, ElementsAre("adapter-1"));
}

TEST_F(ModelPoolTest, StartsANewEngineAfterOneWasKilled) {
  std::filesystem::path socket;
  {
    const EngineLease lease = pool_->acquire(model("a"));
    socket = lease.socket();
  }
  ::kill(pool_->engines()[0].pid, SIGKILL);
  for (int i = 0; i < 1000 && !pool_->engines().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(pool_->engines(), IsEmpty());
  EXPECT_NE(pool_->acquire(model("a")).socket(), socket);
}

TEST_F(ModelPoolTest, AnEngineThatDidNotAnswerIsNotGivenAgain) {
  const EngineLease lease = pool_->acquire(model("a"));
  pool_->lost(lease);
  const EngineLease next = pool_->acquire(model("a"));
  EXPECT_NE(next.socket(), lease.socket());
  pool_->lost(lease);  // of an engine that is no longer the model's: nothing happens
  EXPECT_EQ(pool_->acquire(model("a")).socket(), next.socket());
}

TEST_F(ModelPoolTest, MakesRoomByUnloadingTheIdleOnly) {
  const std::uint64_t half = 600ULL << 20U;
  auto busy = std::make_unique<EngineLease>(pool_->acquire(model("busy", half)));
  EXPECT_THROW(static_cast<void>(pool_->acquire(model("other", half))), base::Error);
  EXPECT_EQ(pool_->reserve_for_job("job", half), nullptr);
  busy.reset();
  static_cast<void>(pool_->acquire(model("other", half)));
  ASSERT_THAT(pool_->engines(), SizeIs(1));
  EXPECT_EQ(pool_->engines()[0].model, "other");
  EXPECT_NE(pool_->reserve_for_job("job", half), nullptr);
  EXPECT_THAT(pool_->engines(), IsEmpty());
}

TEST_F(ModelPoolTest, PassesOnWhyAModelDoesNotLoad) {
  use_worker(
      "echo "
      "'{\"v\":1,\"type\":\"error\",\"code\":\"unprocessable\",\"message\":\"model.safetensors is "
      "corrupt\"}'\nexit 1\n");
  try {
    static_cast<void>(pool_->acquire(model("a")));
    FAIL() << "it loaded";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_STREQ(error.what(), "model.safetensors is corrupt");
  }
  EXPECT_EQ(ledger_.reserved_bytes(), 0U);
}

TEST_F(ModelPoolTest, UnloadsAndCloses) {
  static_cast<void>(pool_->acquire(model("a")));
  EXPECT_TRUE(pool_->unload("id-a"));
  EXPECT_FALSE(pool_->unload("id-a"));
  EXPECT_EQ(ledger_.reserved_bytes(), 0U);
  pool_->close(1);
  EXPECT_THROW(static_cast<void>(pool_->acquire(model("a"))), base::Error);
}

TEST_F(ModelPoolTest, APinnedEngineIsNeverUnloadedForOthers) {
  const std::uint64_t half = 600ULL << 20U;
  pool_->pin("id-a", true);
  static_cast<void>(pool_->acquire(model("a", half)));
  EXPECT_EQ(pool_->reserve_for_job("job", half), nullptr);
  try {
    static_cast<void>(pool_->acquire(model("b", half)));
    FAIL() << "both loaded";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInsufficientMemory);
    EXPECT_THAT(error.what(), HasSubstr("engine a: "));
  }
  EXPECT_TRUE(pool_->engines()[0].pinned);
  pool_->pin("id-a", false);
  EXPECT_NE(pool_->reserve_for_job("job", half), nullptr);
}

TEST_F(ModelPoolTest, AJobIsPatientAndALoadIsNot) {
  options_.job_patience_seconds = 1000;
  use_worker(kWorker);
  const std::uint64_t half = 600ULL << 20U;
  static_cast<void>(pool_->acquire(model("a", half)));
  EXPECT_EQ(pool_->reserve_for_job("job", half), nullptr) << "a was used just now";
  static_cast<void>(pool_->acquire(model("b", half)));
  EXPECT_THAT(pool_->engines(), SizeIs(1));
}

TEST_F(ModelPoolTest, ALoadWaitsForAJobThatGivesWay) {
  const std::uint64_t half = 600ULL << 20U;
  auto job = pool_->reserve_for_job("job", half);
  std::thread ender;
  pool_->on_memory_needed([&] {
    ender = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      job.reset();
    });
    return true;
  });
  static_cast<void>(pool_->acquire(model("a", half)));
  ender.join();
  EXPECT_EQ(job, nullptr);
  EXPECT_THAT(pool_->engines(), SizeIs(1));
}

TEST_F(ModelPoolTest, WhatCanNeverFitAsksNoJobToGiveWay) {
  bool asked = false;
  pool_->on_memory_needed([&] {
    asked = true;
    return true;
  });
  EXPECT_THROW(static_cast<void>(pool_->acquire(model("a", 2ULL << 30U))), base::Error);
  EXPECT_FALSE(asked);
}

TEST_F(ModelPoolTest, ACrashLoopIsStoppedWithTheReason) {
  use_worker("kill -SEGV $$\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(static_cast<void>(pool_->acquire(model("a"))), base::Error);
  }
  const auto reason = [&] {
    try {
      static_cast<void>(pool_->acquire(model("a")));
    } catch (const base::Error& error) {
      return error.reason() + ": " + error.what();
    }
    return std::string("it loaded");
  };
  EXPECT_THAT(
      reason(),
      testing::AllOf(HasSubstr("engine_crash_loop"), HasSubstr("2 times"), HasSubstr("signal 11")));
  pool_->allow_start("id-a");
  EXPECT_THAT(reason(), testing::Not(HasSubstr("engine_crash_loop"))) << "asked for by hand";
}

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

}  // namespace
}  // namespace hub::hub
