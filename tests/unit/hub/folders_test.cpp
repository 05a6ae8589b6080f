#include "core/hub/folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

TEST(DataFolderLock, RefusesASecondServerAndNamesTheFirst) {
  const test::TempDir folder;
  {
    const DataFolderLock first(folder.path());
    first.publish("http://127.0.0.1:1234");
    EXPECT_EQ(published_server(folder.path()), "http://127.0.0.1:1234");
    try {
      const DataFolderLock second(folder.path());
      FAIL() << "a second lock was given";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kConflict);
      EXPECT_THAT(error.what(), testing::HasSubstr("http://127.0.0.1:1234"));
    }
  }
  EXPECT_EQ(published_server(folder.path()), std::nullopt);
  const DataFolderLock again(folder.path());
}

TEST(PublishedServer, IgnoresAServerThatIsGone) {
  const test::TempDir folder;
  static_cast<void>(
      folder.write("server.json", R"({"url":"http://127.0.0.1:1","pid":1073741823})"));
  EXPECT_EQ(published_server(folder.path()), std::nullopt);
  static_cast<void>(folder.write("server.json", "half a fi"));
  EXPECT_EQ(published_server(folder.path()), std::nullopt);
}

TEST(RuntimeFolder, IsPrivateAndShortEnoughForASocket) {
  const test::TempDir folder;
  const auto runtime = make_runtime_folder(folder.path() / std::string(80, 'x'));
  EXPECT_LE(runtime.string().size() + sizeof("/e-12345678.sock"), 103U);
  EXPECT_EQ(std::filesystem::status(runtime).permissions(), std::filesystem::perms::owner_all);
  std::filesystem::remove(runtime);
}

}  // namespace
}  // namespace hub::hub
