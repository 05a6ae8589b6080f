#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/artifacts/artifact_store.h"
#include "core/base/file.h"
#include "tests/support/progress_record.h"
#include "tests/support/storage.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;

class ImportFilesTest : public ::testing::Test {
 protected:
  IncomingFile incoming(const std::string& name, const std::string& bytes, IncomingFile::How how) {
    return {
        .name = name,
        .source = place.write("in/" + name, bytes),
        .size_bytes = static_cast<std::int64_t>(bytes.size()),
        .sha256 = base::sha256_hex(bytes),
        .how = how};
  }
  fs::path version(const std::string& tag = "v1") const {
    return place.path() / "data/artifacts/model-1" / tag;
  }

  test::TempDir place;
  ArtifactStore store{place.path() / "data"};
};

using How = IncomingFile::How;

TEST_F(ImportFilesTest, MovesFilesIn) {
  const IncomingFile weights = incoming("model.safetensors", "weights", How::kMove);
  auto stored = store.import_files({weights}, "model-1", "v1");
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].sha256, weights.sha256);
  EXPECT_FALSE(fs::exists(weights.source));
  EXPECT_EQ(base::read_file(version() / "model.safetensors"), "weights");
  EXPECT_TRUE(fs::equivalent(version() / "model.safetensors", *store.find_blob(weights.sha256)));
  EXPECT_EQ(fs::status(version() / "model.safetensors").permissions(), fs::perms(0444));
  EXPECT_TRUE(store.verify(ArtifactStore::relative_folder("model-1", "v1"), stored).empty());
}

TEST_F(ImportFilesTest, SharesFilesOfOthersAndLeavesThemAlone) {
  const IncomingFile weights = incoming("model.safetensors", "weights", How::kShare);
  fs::permissions(weights.source, fs::perms(0644));
  store.import_files({weights}, "model-1", "v1");
  EXPECT_TRUE(fs::equivalent(version() / "model.safetensors", weights.source));
  EXPECT_EQ(fs::status(weights.source).permissions(), fs::perms(0644));
  store.remove("model-1", "v1");
  EXPECT_EQ(base::read_file(weights.source), "weights");
}

TEST_F(ImportFilesTest, ContentThatIsHereIsNotTakenAgain) {
  store.import_files({incoming("a.json", "same", How::kMove)}, "model-1", "v1");
  const IncomingFile again = incoming("b.json", "same", How::kMove);
  store.import_files({again}, "model-1", "v2");
  EXPECT_FALSE(fs::exists(again.source));
  EXPECT_TRUE(fs::equivalent(version("v1") / "a.json", version("v2") / "b.json"));
}

TEST_F(ImportFilesTest, TellsHowFarItIs) {
  store.import_files({incoming("a.json", "same", How::kMove)}, "model-1", "v1");
  test::ProgressRecord record;
  store.import_files(
      {incoming("a.json", "same", How::kMove), incoming("b.json", "another", How::kMove)},
      "model-1",
      "v2",
      [&record](std::int64_t done, std::int64_t total) { return record.add(done, total); });
  record.expect_whole();
  EXPECT_EQ(record.total_of(), 11);
}

TEST_F(ImportFilesTest, StopsWhenAsked) {
  const auto thrown = test::thrown_by([&] {
    store.import_files(
        {incoming("a.json", "a", How::kMove)}, "model-1", "v1", [](std::int64_t, std::int64_t) {
          return false;
        });
  });
  EXPECT_EQ(thrown.code, base::ErrorCode::kCancelled);
  EXPECT_FALSE(fs::exists(version()));
}

TEST_F(ImportFilesTest, ADamagedBlobIsReplaced) {
  const IncomingFile first = incoming("a.json", "same", How::kMove);
  store.import_files({first}, "model-1", "v1");
  const fs::path blob = *store.find_blob(first.sha256);
  fs::remove(blob);
  static_cast<void>(place.write(fs::relative(blob, place.path()).string(), "SAME"));
  store.import_files({incoming("a.json", "same", How::kMove)}, "model-1", "v2");
  EXPECT_EQ(base::read_file(version("v2") / "a.json"), "same");
  EXPECT_EQ(base::read_file(*store.find_blob(first.sha256)), "same");
}

TEST_F(ImportFilesTest, LeavesNothingOfAVersionThatFails) {
  IncomingFile absent = incoming("b.json", "b", How::kMove);
  absent.source = place.path() / "nowhere";
  EXPECT_EQ(
      test::thrown_by([&] {
        store.import_files({incoming("a.json", "a", How::kMove), absent}, "model-1", "v1");
      }).code,
      base::ErrorCode::kUnavailable);
  EXPECT_FALSE(fs::exists(version()));
  for (const char* name : {"", "../x", "a/b", ".hidden"}) {
    IncomingFile strange = incoming("c.json", "c", How::kMove);
    strange.name = name;
    EXPECT_EQ(
        test::thrown_by([&] { store.import_files({strange}, "model-1", "v1"); }).code,
        base::ErrorCode::kInternal)
        << name;
  }
  EXPECT_FALSE(fs::exists(version()));
}

TEST_F(ImportFilesTest, AVersionIsWrittenOnce) {
  store.import_files({incoming("a.json", "a", How::kMove)}, "model-1", "v1");
  EXPECT_EQ(
      test::thrown_by([&] {
        store.import_files({incoming("a.json", "b", How::kMove)}, "model-1", "v1");
      }).code,
      base::ErrorCode::kConflict);
  EXPECT_EQ(base::read_file(version() / "a.json"), "a");
}

}  // namespace
}  // namespace hub::artifacts
