#include "core/artifacts/artifact_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/artifacts/blob_writer.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/support/progress_record.h"
#include "tests/support/temp_dir.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ArtifactStoreTest : public ::testing::Test {
 protected:
  ArtifactStoreTest() {
    static_cast<void>(source.write("m/model.safetensors", "weights"));
    static_cast<void>(source.write("m/config.json", "{}"));
    static_cast<void>(source.write("m/LICENSE", "free"));
    static_cast<void>(source.write("m/modeling_evil.py", "import os"));
    static_cast<void>(source.write("m/pytorch_model.bin", "pickle"));
    static_cast<void>(source.write("m/.hidden.json", "{}"));
    static_cast<void>(source.write("m/folder/inner.json", "{}"));
  }
  fs::path model() const { return source.path() / "m"; }
  static std::size_t entries(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(
        fs::recursive_directory_iterator(folder), fs::recursive_directory_iterator()));
  }

  test::TempDir source;
  test::TempDir data;
  ArtifactStore store{data.path()};
};

TEST_F(ArtifactStoreTest, KeepsHowAnEncoderPoolsInTheFlatFolder) {
  static_cast<void>(source.write("m/1_Pooling/config.json", "pooling"));
  const auto files = store.import_folder(model(), "model-1", "v1");
  ASSERT_EQ(files.size(), 4U);
  EXPECT_EQ(files.back().name, "1_Pooling_config.json");
  const fs::path folder = data.path() / "artifacts/model-1/v1";
  EXPECT_EQ(base::read_file(folder / "1_Pooling_config.json"), "pooling");
  EXPECT_EQ(stored_name("1_Pooling/config.json"), "1_Pooling_config.json");
  EXPECT_EQ(published_name("1_Pooling_config.json"), "1_Pooling/config.json");
  EXPECT_EQ(published_name(stored_name("config.json")), "config.json");
}

TEST_F(ArtifactStoreTest, ImportsWeightsAndDescriptionsOnlyWithTheirDigests) {
  const auto files = store.import_folder(model(), "model-1", "v1");
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[0].name, "LICENSE");
  EXPECT_EQ(files[1].name, "config.json");
  EXPECT_EQ(files[2].name, "model.safetensors");
  EXPECT_EQ(files[2].size_bytes, 7);
  EXPECT_EQ(files[2].sha256, base::sha256_hex("weights"));
  const fs::path folder = data.path() / "artifacts/model-1/v1";
  EXPECT_EQ(entries(folder), 3U);
  EXPECT_EQ(base::read_file(folder / "model.safetensors"), "weights");
  auto checked = files;
  EXPECT_TRUE(store.verify(ArtifactStore::relative_folder("model-1", "v1"), checked).empty());
}

TEST_F(ArtifactStoreTest, StoresEqualFilesOnce) {
  store.import_folder(model(), "model-1", "v1");
  store.import_folder(model(), "model-1", "v2");
  const std::string sha256 = base::sha256_hex("weights");
  const fs::path blob = data.path() / "blobs" / sha256.substr(0, 2) / sha256;
  EXPECT_EQ(fs::hard_link_count(blob), 3U);
  EXPECT_TRUE(fs::equivalent(blob, data.path() / "artifacts/model-1/v2/model.safetensors"));
  EXPECT_EQ(
      fs::status(blob).permissions() & fs::perms::all,
      fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
}

TEST_F(ArtifactStoreTest, AVersionIsNeverOverwritten) {
  store.import_folder(model(), "model-1", "v1");
  try {
    store.import_folder(model(), "model-1", "v1");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kConflict);
  }
}

TEST_F(ArtifactStoreTest, AFailingImportLeavesNothing) {
  if (::geteuid() == 0) {
    // Root may read everything: a folder in a file's place makes the link fail instead.
    fs::create_directories(
        data.path() / "blobs" / base::sha256_hex("weights").substr(0, 2) /
        base::sha256_hex("weights"));
  } else {
    fs::permissions(model() / "model.safetensors", fs::perms::none);
  }
  EXPECT_THROW(store.import_folder(model(), "model-1", "v1"), base::Error);
  EXPECT_FALSE(fs::exists(data.path() / "artifacts/model-1/v1"));
  for (const auto& entry : fs::recursive_directory_iterator(data.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
  }
}

TEST_F(ArtifactStoreTest, TellsHowFarItIs) {
  // More than one piece, and files beside it.
  static_cast<void>(source.write("m/large.safetensors", std::string((2U << 20U) + 5, 'x')));
  test::ProgressRecord copied;
  const auto files =
      store.import_folder(model(), "model-1", "v1", [&](std::int64_t done, std::int64_t total) {
        return copied.add(done, total);
      });
  copied.expect_whole();
  std::int64_t bytes = 0;
  for (const StoredFile& file : files) {
    bytes += file.size_bytes;
  }
  EXPECT_EQ(copied.total_of(), bytes);
  test::ProgressRecord read;
  EXPECT_EQ(
      ArtifactStore::scan_folder(
          model(), [&](std::int64_t done, std::int64_t total) { return read.add(done, total); })
          .size(),
      files.size());
  read.expect_whole();
  EXPECT_EQ(read.total_of(), bytes);
}

TEST_F(ArtifactStoreTest, AStoppedImportLeavesNothing) {
  int calls = 0;
  try {
    store.import_folder(
        model(), "model-1", "v1", [&calls](std::int64_t, std::int64_t) { return ++calls < 3; });
    ADD_FAILURE() << "it went on";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCancelled);
  }
  EXPECT_EQ(calls, 3) << "one file was stored by then";
  for (const auto& entry : fs::recursive_directory_iterator(data.path())) {
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
  }
}

TEST_F(ArtifactStoreTest, RefusesWhatIsNoModelFolder) {
  const test::TempDir empty;
  EXPECT_THROW(store.import_folder(empty.path(), "model-1", "v1"), base::Error);
  EXPECT_THROW(store.import_folder(empty.path() / "absent", "model-1", "v1"), base::Error);
  EXPECT_THROW(static_cast<void>(ArtifactStore::scan_folder(empty.path())), base::Error);
  EXPECT_THROW(store.import_folder(model(), "..", "v1"), base::Error);
  EXPECT_THROW(store.import_folder(model(), "model-1", "a/b"), base::Error);
}

TEST_F(ArtifactStoreTest, OpensPlainNamesOnly) {
  store.import_folder(model(), "model-1", "v1");
  const std::string folder = ArtifactStore::relative_folder("model-1", "v1");
  EXPECT_EQ(base::read_file(store.open(folder, "config.json")), "{}");
  for (const char* name : {"../v1/config.json", "..", ".", "", "absent.json", "/etc/passwd"}) {
    EXPECT_THROW(static_cast<void>(store.open(folder, name)), base::Error) << name;
  }
}

TEST_F(ArtifactStoreTest, VerifyNamesEverythingThatIsNotAsRecorded) {
  auto files = ArtifactStore::scan_folder(model());
  const auto problems = [&] {
    auto checked = files;
    return store.verify(model().string(), checked);
  };
  EXPECT_THAT(problems(), IsEmpty());
  static_cast<void>(source.write("m/model.safetensors", "weighty"));
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("SHA-256")));
  static_cast<void>(source.write("m/model.safetensors", "w"));
  fs::remove(model() / "config.json");
  EXPECT_THAT(
      problems(),
      ElementsAre("config.json is missing", "model.safetensors has 1 bytes, recorded were 7"));
}

TEST_F(ArtifactStoreTest, ALookAtAFileTellsWhetherItMayHaveChanged) {
  const auto files = store.import_folder(model(), "model-1", "v1");
  const fs::path file = data.path() / "artifacts/model-1/v1/model.safetensors";
  EXPECT_EQ(glance_at(file, files[2]).glance, Glance::kUnchanged);
  StoredFile unknown = files[2];
  unknown.inode = 0;
  EXPECT_EQ(glance_at(file, unknown).glance, Glance::kUncertain);
  fs::last_write_time(file, fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(glance_at(file, files[2]).glance, Glance::kUncertain);
  StoredFile now;
  EXPECT_EQ(read_through(file, files[2], now), std::nullopt);
  EXPECT_EQ(glance_at(file, now).glance, Glance::kUnchanged);
  EXPECT_EQ(glance_at(file.string() + "x", files[2]).problem, "model.safetensors is missing");
}

TEST_F(ArtifactStoreTest, ABlobThatWasDamagedIsNotUsedAgain) {
  const auto files = store.import_folder(model(), "model-1", "v1");
  const fs::path blob = store.blob(files[2].sha256);
  fs::permissions(blob, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(blob) << "Weights";  // the same size
  store.import_folder(model(), "model-1", "v2");
  EXPECT_EQ(base::read_file(data.path() / "artifacts/model-1/v1/model.safetensors"), "Weights");
  EXPECT_EQ(base::read_file(data.path() / "artifacts/model-1/v2/model.safetensors"), "weights");
}

TEST_F(ArtifactStoreTest, AFileOnItsWayInIsNoGarbageUntilItIsLinkedOrGivenUp) {
  std::string sha256;
  {
    BlobWriter incoming(store);
    incoming.write("some");
    incoming.write(" bytes");
    const StoredFile kept = incoming.keep("config.json");
    sha256 = kept.sha256;
    EXPECT_EQ(sha256, base::sha256_hex("some bytes"));
    EXPECT_EQ(store.collect_garbage(), 0);
    store.link_version({kept}, "model-1", "v1");
    EXPECT_EQ(base::read_file(data.path() / "artifacts/model-1/v1/config.json"), "some bytes");
  }
  EXPECT_EQ(store.collect_garbage(), 0);
  store.remove("model-1", "v1");
  EXPECT_EQ(store.loose_blobs(), (std::map<std::string, std::int64_t>{{sha256, 10}}));
  EXPECT_EQ(store.collect_garbage(), 10);
  {
    BlobWriter dropped(store);
    dropped.write("half");
  }
  EXPECT_EQ(entries(data.path() / "blobs"), 1U) << "the empty folder of the blob";
}

TEST_F(ArtifactStoreTest, RemovedVersionsGiveTheirBlobsBackWhenNobodyElseHasThem) {
  store.import_folder(model(), "model-1", "v1");
  store.import_folder(model(), "model-2", "v1");
  store.remove("model-1", "v1");
  EXPECT_FALSE(fs::exists(data.path() / "artifacts/model-1"));
  EXPECT_EQ(store.collect_garbage(), 0);
  store.remove("model-2", "v1");
  store.remove("model-2", "v1");
  EXPECT_EQ(store.collect_garbage(), 7 + 2 + 4);
}

TEST_F(ArtifactStoreTest, LeftoversOfACrashGoAtTheNextStart) {
  store.import_folder(model(), "model-1", "v1");
  static_cast<void>(data.write("blobs/.tmp-1", "half"));
  static_cast<void>(data.write("artifacts/model-1/.tmp-2/config.json", "{}"));
  const ArtifactStore restarted(data.path());
  EXPECT_FALSE(fs::exists(data.path() / "blobs/.tmp-1"));
  EXPECT_FALSE(fs::exists(data.path() / "artifacts/model-1/.tmp-2"));
  EXPECT_TRUE(fs::exists(data.path() / "artifacts/model-1/v1/config.json"));
}

TEST_F(ArtifactStoreTest, VersionsWithoutARowGetOutOfTheWayAndStay) {
  store.import_folder(model(), "model-1", "v1");
  store.import_folder(model(), "model-1", "v2");
  const auto moved = store.set_aside({ArtifactStore::relative_folder("model-1", "v1")});
  EXPECT_THAT(moved, ElementsAre("artifacts/model-1/v2"));
  EXPECT_TRUE(fs::exists(data.path() / "artifacts/model-1/v1"));
  EXPECT_FALSE(fs::exists(data.path() / "artifacts/model-1/v2"));
  EXPECT_EQ(entries(data.path() / "artifacts/model-1"), 2U + 3U + 3U) << "nothing was removed";
  EXPECT_THAT(store.set_aside({ArtifactStore::relative_folder("model-1", "v1")}), IsEmpty());
  store.import_folder(model(), "model-1", "v2");
}

}  // namespace
}  // namespace hub::artifacts
