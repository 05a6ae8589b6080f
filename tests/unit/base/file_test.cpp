#include "core/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::base {
namespace {

TEST(WriteFileAtomically, ReplacesTheWholeFileAndLeavesNothingElse) {
  const test::TempDir folder;
  const auto file = folder.path() / "x";
  write_file_atomically(file, "first");
  write_file_atomically(file, "2");
  EXPECT_EQ(read_file(file), "2");
  EXPECT_EQ(
      std::distance(
          std::filesystem::directory_iterator(folder.path()),
          std::filesystem::directory_iterator()),
      1);
}

TEST(WriteFileAtomically, GivesTheModeThatWasAskedForWhateverTheUmask) {
  using std::filesystem::perms;
  const test::TempDir folder;
  const auto file = folder.path() / "x";
  for (const int mode : {0600, 0666}) {
    write_file_atomically(file, "x", static_cast<perms>(mode));
    EXPECT_EQ(std::filesystem::status(file).permissions(), static_cast<perms>(mode));
  }
}

TEST(WriteFileAtomically, KeepsTheOldFileWhenItCannotWrite) {
  const test::TempDir folder;
  try {
    write_file_atomically(folder.path() / "no" / "such" / "folder", "x");
    FAIL() << "it was written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), testing::HasSubstr("No such file or directory"));
  }
}

TEST(ReadFile, RefusesFoldersMissingFilesAndTooMuch) {
  const test::TempDir folder;
  EXPECT_THROW(read_file(folder.path()), Error);
  EXPECT_THROW(read_file(folder.path() / "none"), Error);
  EXPECT_THROW(read_file(folder.write("big", std::string(11, 'x')), 10), Error);
}

TEST(Sha256, KnowsTheStandardsExamples) {  // FIPS 180-4
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const test::TempDir folder;
  EXPECT_EQ(sha256_file(folder.write("abc", "abc")), sha256_hex("abc"));
  EXPECT_THROW(sha256_file(folder.path() / "none"), Error);
}

}  // namespace
}  // namespace hub::base
