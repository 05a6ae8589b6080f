#include "core/hf/partial_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "core/hf/content_hash.h"
#include "core/hf/download.h"
#include "tests/support/storage.h"

namespace hub::hf {
namespace {

using base::ErrorCode;
using testing::HasSubstr;

constexpr const char* kText = "hello hub\n";

RemoteFile lfs_file() {
  return {
      .name = "model.safetensors",
      .size = 10,
      .sha256 = content_digests(kText).sha256,
      .git_oid = {}};
}

TEST(ContentHash, GivesBothOfTheHubsNames) {
  const ContentHash::Digests digests = content_digests("hello\n");
  EXPECT_EQ(digests.git_oid, "ce013625030ba8dba906f756967f9e9ca394464a");  // git hash-object
  EXPECT_EQ(digests.sha256, base::sha256_hex("hello\n"));
  ContentHash one(6, false);
  one.update("hello\n", 6);
  const ContentHash::Digests only = one.finish();
  EXPECT_EQ(only.sha256, digests.sha256);
  EXPECT_EQ(only.git_oid, "");
}

TEST(PartialFileTest, GoesOnWhereAnEarlierOneStopped) {
  const test::TempDir folder;
  const RemoteFile file = lfs_file();
  {
    PartialFile first(folder.path(), file);
    first.append("hello");
    EXPECT_FALSE(first.complete());
  }
  EXPECT_EQ(Download::partial_bytes(folder.path(), file), 5);
  PartialFile second(folder.path(), file);
  EXPECT_EQ(second.size(), 5);
  second.append(" hub\n");
  EXPECT_TRUE(second.complete());
  EXPECT_EQ(second.finish(), file.sha256);
  EXPECT_EQ(base::read_file(second.final_path()), kText);
  EXPECT_EQ(Download::partial_bytes(folder.path(), file), 10);

  // A complete file is looked at again by the next attempt.
  PartialFile third(folder.path(), file);
  EXPECT_TRUE(third.complete());
  EXPECT_EQ(third.finish(), file.sha256);
}

TEST(PartialFileTest, WrongBytesAreThrownAway) {
  const test::TempDir folder;
  RemoteFile file = lfs_file();
  PartialFile lfs(folder.path(), file);
  lfs.append("hello hut\n");
  const auto thrown = test::thrown_by([&] { lfs.finish(); });
  EXPECT_EQ(thrown.reason, "hash_mismatch");
  EXPECT_THAT(thrown.message, testing::AllOf(HasSubstr(file.sha256), HasSubstr("SHA-256")));
  EXPECT_EQ(Download::partial_bytes(folder.path(), file), 0);

  file.sha256.clear();
  file.git_oid = content_digests(kText).git_oid;
  PartialFile git(folder.path(), file);
  git.append("hello hut\n");
  EXPECT_THAT(test::thrown_by([&] { git.finish(); }).message, HasSubstr("git blob id"));
}

TEST(PartialFileTest, MoreBytesThanListedAreRefused) {
  const test::TempDir folder;
  const RemoteFile file = lfs_file();
  PartialFile partial(folder.path(), file);
  partial.append("hello");
  EXPECT_EQ(test::thrown_by([&] { partial.append(" everybody"); }).reason, "size_mismatch");
  EXPECT_EQ(Download::partial_bytes(folder.path(), file), 0);
}

TEST(PartialFileTest, StartsAgain) {
  const test::TempDir folder;
  PartialFile partial(folder.path(), lfs_file());
  partial.append("what");
  partial.restart();
  partial.append(kText);
  EXPECT_EQ(partial.finish(), lfs_file().sha256);
}

TEST(PartialFileTest, APartThatIsTooLongIsOfAnotherFile) {
  const test::TempDir folder;
  const RemoteFile file = lfs_file();
  static_cast<void>(folder.write(file.sha256 + ".part", "much more than ten bytes"));
  EXPECT_EQ(Download::partial_bytes(folder.path(), file), 0);
  EXPECT_EQ(PartialFile(folder.path(), file).size(), 0);
}

}  // namespace
}  // namespace hub::hf
