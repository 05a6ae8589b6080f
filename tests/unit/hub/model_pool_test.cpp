#include <chrono>
#include <thread>

#include <signal.h>

#include "core/base/file.h"
#include "core/obs/log.h"
#include "tests/unit/hub/model_pool_fixture.h"

namespace hub::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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

TEST_F(ModelPoolTest, EnginesAreToldWhereKeptPrefixesGoAndWhatTheyBelongTo) {
  options_.prefix_folder = "/data/prefixes";
  options_.prefix_disk_bytes = 1000;
  options_.kv_bits = 8;
  options_.kv_window = 1000;
  options_.activation_bits = 8;
  options_.batch_invariant = true;
  use_worker(R"sh(
echo "$*" >&2
echo '{"v":1,"type":"ready"}'
while read -r line; do
  echo "$line" >&2
  case "$line" in
    *'"attach"'*) echo '{"v":1,"type":"attached","id":"adapter-1"}' ;;
    *'"drain"'*) exit 0 ;;
  esac
done
)sh");
  ServedModel served = model("a");
  served.base_digest = "digest1";
  served.adapter = ServedModel::Trained{"adapter-1", folder_.path() / "good", "digest2"};
  static_cast<void>(pool_->acquire(served));
  static_cast<void>(pool_->acquire(model("b")));  // nobody said what it is
  pool_->close(5);
  const std::string text = base::read_file(folder_.path() / "engine-a.log");
  EXPECT_THAT(
      text,
      HasSubstr("--prefix-folder /data/prefixes --prefix-disk-bytes 1000 --model-digest digest1"));
  EXPECT_THAT(text, HasSubstr("--kv-bits 8 --kv-window 1000 --kv-sinks 4 --activation-bits 8 "));
  EXPECT_THAT(text, HasSubstr(" --batch-invariant "));
  EXPECT_THAT(text, HasSubstr(R"("digest":"digest2")"));
  EXPECT_THAT(
      base::read_file(folder_.path() / "engine-b.log"), testing::Not(HasSubstr("--prefix-folder")));
}

TEST_F(ModelPoolTest, WithActivationsInEightBitsATiedHeadCountsTwice) {
  const auto reserved = [&](const char* tensor) {
    static_cast<void>(pool_->acquire(model("a", 5U << 20U, tensor)));
    const std::uint64_t bytes = ledger_.reserved_bytes();
    pool_->close(5);
    return bytes;
  };
  const std::uint64_t once = reserved("model.embed_tokens.weight");
  options_.activation_bits = 8;
  use_worker(std::string(kWorker));
  EXPECT_GE(reserved("model.embed_tokens.weight"), once + (5U << 20U));
  use_worker(std::string(kWorker));
  EXPECT_EQ(reserved("w"), once);
}

TEST_F(ModelPoolTest, AnEngineIsToldItsDraftModelWhoseMemoryCounts) {
  static_cast<void>(pool_->acquire(model("plain")));
  const std::uint64_t without = ledger_.reserved_bytes();
  pool_->close(5);
  const auto draft = write_model("draft", 5U << 20U);
  options_.draft_for = [&](const ServedModel& served) -> std::optional<DraftFolder> {
    return served.base_name == "none" ? std::nullopt
                                      : std::optional<DraftFolder>({"id-draft", draft});
  };
  use_worker("echo \"$*\" >&2" + std::string(kWorker));
  static_cast<void>(pool_->acquire(model("a")));
  EXPECT_GT(ledger_.reserved_bytes(), without + (5U << 20U));
  EXPECT_THAT(checked_, ElementsAre("id-plain", "id-a", "id-draft"));
  static_cast<void>(pool_->acquire(model("none")));
  pool_->close(5);
  EXPECT_THAT(
      base::read_file(folder_.path() / "engine-a.log"),
      HasSubstr("--draft-model " + draft.string()));
  EXPECT_THAT(
      base::read_file(folder_.path() / "engine-none.log"),
      testing::Not(HasSubstr("--draft-model")));
}

TEST_F(ModelPoolTest, ADraftModelForAllIsNotForThoseThatCannotHaveOne) {
  const auto draft = write_model("draft", 1000);
  std::string asked;
  options_.draft_for = [&](const ServedModel& served) -> std::optional<DraftFolder> {
    asked += served.base_name + " ";
    return DraftFolder{.version_id = "id-draft", .folder = draft, .is_for_all = true};
  };
  use_worker("echo \"$*\" >&2" + std::string(kWorker));
  static_cast<void>(pool_->acquire(model("a")));
  static_cast<void>(pool_->acquire(model("draft")));  // itself
  pool_->close(5);
  EXPECT_EQ(asked, "a draft ");
  EXPECT_THAT(base::read_file(folder_.path() / "engine-a.log"), HasSubstr("--draft-model"));
  EXPECT_THAT(
      base::read_file(folder_.path() / "engine-draft.log"),
      testing::Not(HasSubstr("--draft-model")));
}

TEST_F(ModelPoolTest, ADraftModelThatIsNotThereStartsNothing) {
  options_.draft_for = [](const ServedModel&) -> std::optional<DraftFolder> {
    throw base::Error(base::ErrorCode::kUnprocessable, "draft_model: no such model");
  };
  use_worker(kWorker);
  EXPECT_THROW(static_cast<void>(pool_->acquire(model("a"))), base::Error);
  EXPECT_THAT(pool_->engines(), IsEmpty());
  options_.speculative_tokens = 0;  // then it is not even asked for
  use_worker(kWorker);
  static_cast<void>(pool_->acquire(model("a")));
  EXPECT_THAT(pool_->engines(), SizeIs(1));
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

}  // namespace
}  // namespace hub::hub
