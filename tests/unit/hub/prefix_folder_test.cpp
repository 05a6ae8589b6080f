#include "core/hub/prefix_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/prefix_files.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PrefixFolderTest : public testing::Test {
 protected:
  [[nodiscard]] fs::path file(const std::string& folder, const std::string& scope) const {
    return files_.write(folder + "/" + base::prefix_scope_tag(scope) + "-tokens.safetensors", "x");
  }

  test::TempDir files_;
};

TEST_F(PrefixFolderTest, FoldersOfVersionsThatAreGoneAreStale) {
  static_cast<void>(file("model1/base", ""));
  static_cast<void>(file("model1/adapter1", ""));
  static_cast<void>(file("model1/adapter2", ""));
  static_cast<void>(file("model2/base", ""));
  static_cast<void>(files_.write(".lock", ""));
  const auto stale = stale_prefix_folders(files_.path(), {"model1", "adapter1"});
  EXPECT_THAT(
      stale, UnorderedElementsAre(files_.path() / "model2", files_.path() / "model1" / "adapter2"));
  remove_prefixes(stale);
  EXPECT_THAT(stale_prefix_folders(files_.path(), {"model1", "adapter1"}), IsEmpty());
  EXPECT_TRUE(fs::exists(files_.path() / "model1" / "adapter1"));
  EXPECT_TRUE(fs::exists(files_.path() / ".lock"));
}

TEST_F(PrefixFolderTest, FilesOfKeysThatAreGoneAreStale) {
  static_cast<void>(file("model1/base", ""));
  static_cast<void>(file("model1/base", "key1"));
  const fs::path gone = file("model1/adapter1", "key2");
  EXPECT_THAT(stale_prefix_files(files_.path(), {"", "key1"}), ElementsAre(gone));
}

TEST_F(PrefixFolderTest, WithoutAFolderNothingIs) {
  EXPECT_THAT(stale_prefix_folders(files_.path() / "none", {}), IsEmpty());
  EXPECT_THAT(stale_prefix_files(files_.path() / "none", {}), IsEmpty());
}

}  // namespace
}  // namespace hub::hub
