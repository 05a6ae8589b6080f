#include "core/artifacts/shared_file.h"

#include <gtest/gtest.h>

#include "core/artifacts/artifact_store.h"
#include "core/base/file.h"
#include "tests/support/temp_dir.h"

namespace hub::artifacts {
namespace {

namespace fs = std::filesystem;

TEST(SharedFile, TheSameBytesLieOnDiskOnceAndGoWithTheLastName) {
  const test::TempDir folder;
  const fs::path& data = folder.path();
  ArtifactStore store(data);
  const std::string digest = base::sha256_hex("rows");
  const fs::path first = folder.write("datasets/a/train.jsonl", "rows");
  const fs::path second = folder.write("datasets/b/train.csv", "rows");
  share_by_digest(data, first, digest);
  share_by_digest(data, second, digest);
  share_by_digest(data, second, digest);  // again is no harm
  const fs::path blob = data / "blobs" / digest.substr(0, 2) / digest;
  EXPECT_EQ(fs::hard_link_count(blob), 3U);
  EXPECT_TRUE(fs::equivalent(first, second));
  EXPECT_EQ(base::read_file(second), "rows");
  EXPECT_EQ(fs::status(first).permissions() & fs::perms::owner_write, fs::perms::none);
  EXPECT_EQ(std::distance(fs::directory_iterator(second.parent_path()), {}), 1) << "nothing else";
  EXPECT_EQ(store.collect_garbage(), 0);
  remove_shared(data, first, digest);
  EXPECT_EQ(base::read_file(second), "rows");
  remove_shared(data, second, digest);
  EXPECT_FALSE(fs::exists(blob));
}

}  // namespace
}  // namespace hub::artifacts
