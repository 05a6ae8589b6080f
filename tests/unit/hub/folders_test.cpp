#include "core/hub/folders.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/hub/process_info.h"
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

// Sets a variable while it lives; "" takes it away.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      old_ = old;
    }
    set(value);
  }
  ~Variable() { set(old_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::string& value) const {
    if (value.empty()) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value.c_str(), 1);
    }
  }

  const char* name_;
  std::string old_;
};

TEST(DefaultModelFolder, IsTheNamedElseTheInstalledElseTheCached) {
  const test::TempDir installed;
  const test::TempDir cache;
  const Variable cached("XDG_CACHE_HOME", cache.path().string());
  const Variable unnamed("MLX_HUB_MODELS", "");
  const std::string name = "models/smollm2-135m-instruct";
  EXPECT_EQ(default_model_folder(installed.path()), cache.path() / "mlx-hub" / name);

  // A folder that an installation left half-way is none.
  std::filesystem::create_directories(installed.path() / name);
  EXPECT_EQ(default_model_folder(installed.path()), cache.path() / "mlx-hub" / name);

  static_cast<void>(installed.write(name + "/config.json", "{}"));
  EXPECT_EQ(default_model_folder(installed.path()), installed.path() / name);

  const Variable named("MLX_HUB_MODELS", "/srv/model");
  EXPECT_EQ(default_model_folder(installed.path()), "/srv/model");
}

TEST(InstalledFolder, LiesBesideTheFolderOfTheProgram) {
  const auto program = own_executable();
  EXPECT_TRUE(std::filesystem::is_regular_file(program)) << program;
  EXPECT_EQ(installed_folder(), program.parent_path().parent_path() / "share" / "mlx-hub");
}

}  // namespace
}  // namespace hub::hub
