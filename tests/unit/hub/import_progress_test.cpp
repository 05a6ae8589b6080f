#include "core/hub/import_progress.h"

#include <atomic>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class ImportTableTest : public testing::Test {
 protected:
  std::string source_of(const std::string& given) {
    const ImportTable::Entry entry(table_, "id", "name", given);
    return table_.list().at(0).source;
  }

  test::FakeClock clock_;
  ImportTable table_{clock_};
};

TEST_F(ImportTableTest, ListsWhatRunsOldestFirst) {
  EXPECT_THAT(table_.list(), IsEmpty());
  std::optional<ImportTable::Entry> first;
  first.emplace(table_, "request-1", "one", "/models/one.gguf");
  const ImportTable::Entry second(table_, "request-2", "two", "/models/two");
  const auto both = table_.list();
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0].request_id, "request-1");
  EXPECT_EQ(both[0].name, "one");
  EXPECT_EQ(both[0].source, "one.gguf");
  EXPECT_EQ(both[0].stage, ImportStage::kChecking);
  EXPECT_EQ(both[0].done_bytes, 0);
  EXPECT_EQ(both[0].total_bytes, 0);
  EXPECT_EQ(both[0].started_at_ms, clock_.now_ms());
  EXPECT_EQ(both[1].request_id, "request-2");
  first.reset();
  ASSERT_THAT(table_.list(), SizeIs(1));
  EXPECT_EQ(table_.list()[0].name, "two");
}

TEST_F(ImportTableTest, ShowsTheLastPartOfTheSource) {
  EXPECT_EQ(source_of("/a/b/model.gguf"), "model.gguf");
  EXPECT_EQ(source_of("/a/b/folder//"), "folder");
  EXPECT_EQ(source_of("organisation/name"), "name");
  EXPECT_EQ(source_of("name"), "name");
  EXPECT_EQ(source_of("/"), "/");
  EXPECT_EQ(source_of(""), "");
}

TEST_F(ImportTableTest, FollowsTheWatch) {
  ImportTable::Entry entry(table_, "request", "", "in.tar");
  std::atomic<bool> cancelled{false};
  const ImportWatch watch = entry.watch(cancelled);
  EXPECT_TRUE(watch(ImportStage::kCopying, 3, 10));
  ImportState state = table_.list().at(0);
  EXPECT_EQ(state.stage, ImportStage::kCopying);
  EXPECT_EQ(state.done_bytes, 3);
  EXPECT_EQ(state.total_bytes, 10);
  EXPECT_TRUE(watch(ImportStage::kCopying, 10, 10));
  EXPECT_EQ(table_.list().at(0).done_bytes, 10);
  cancelled = true;
  EXPECT_FALSE(watch_stage(watch, ImportStage::kVerifying)(1, 7));
  state = table_.list().at(0);
  EXPECT_EQ(state.stage, ImportStage::kVerifying);
  EXPECT_EQ(state.done_bytes, 1);
  EXPECT_EQ(state.total_bytes, 7);
  entry.set_name("known now");
  EXPECT_EQ(table_.list().at(0).name, "known now");
}

// The reader never sees one stage's bytes beside another's total.
TEST_F(ImportTableTest, ChangesStagesInOneStep) {
  std::atomic<bool> done{false};
  std::thread importer([&] {
    const std::atomic<bool> cancelled{false};
    for (int round = 0; round < 300; ++round) {
      ImportTable::Entry entry(table_, "request", "name", "source");
      const ImportWatch watch = entry.watch(cancelled);
      for (std::int64_t bytes = 0; bytes <= 1000; bytes += 10) {
        watch(ImportStage::kCopying, bytes, 1000);
      }
      for (std::int64_t bytes = 0; bytes <= 10; ++bytes) {
        watch(ImportStage::kVerifying, bytes, 10);
      }
    }
    done = true;
  });
  while (!done) {
    for (const ImportState& state : table_.list()) {
      const std::int64_t total = state.stage == ImportStage::kChecking  ? 0
                                 : state.stage == ImportStage::kCopying ? 1000
                                                                        : 10;
      EXPECT_EQ(state.total_bytes, total);
      EXPECT_LE(state.done_bytes, total);
    }
  }
  importer.join();
  EXPECT_THAT(table_.list(), IsEmpty());
}

TEST(ImportWatchTest, IsOptional) {
  EXPECT_FALSE(watch_stage({}, ImportStage::kCopying));
  tell({}, ImportStage::kCopying, 1, 2);
  const auto stop = [](ImportStage, std::int64_t, std::int64_t) { return false; };
  EXPECT_EQ(
      test::thrown_by([&] { tell(stop, ImportStage::kCopying, 1, 2); }).code,
      base::ErrorCode::kCancelled);
}

TEST(ImportStageTest, HasAWordForEach) {
  EXPECT_EQ(to_string(ImportStage::kChecking), "checking");
  EXPECT_EQ(to_string(ImportStage::kConverting), "converting");
  EXPECT_EQ(to_string(ImportStage::kCopying), "copying");
  EXPECT_EQ(to_string(ImportStage::kHashing), "hashing");
  EXPECT_EQ(to_string(ImportStage::kStoring), "storing");
  EXPECT_EQ(to_string(ImportStage::kVerifying), "verifying");
}

}  // namespace
}  // namespace hub::hub
