#include "core/hub/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<std::string> no_environment(const std::string&) {
  return std::nullopt;
}

// The message of the Error that `load` throws, or "" when it throws none.
std::string message_of(const std::function<void()>& load) {
  try {
    load();
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Config, LaterSourcesWin) {
  const test::TempDir folder;
  const auto file =
      folder.write("hub.toml", "port = 1111\nthreads = 3\nallow_path = [\"/a\", \"/b\"]\n");
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "MLX_HUB_PORT" ? std::optional<std::string>("2222") : std::nullopt;
  };
  EXPECT_EQ(load_config(file, no_environment, {}).port, 1111);
  EXPECT_EQ(load_config(file, environment, {}).port, 2222);
  const Config config = load_config(file, environment, {{"port", {"3333"}}});
  EXPECT_EQ(config.port, 3333);
  EXPECT_EQ(config.threads, 3);
  EXPECT_THAT(config.allow_paths, ElementsAre("/a", "/b"));
}

TEST(Config, ReadsTheDataFoldersOwnFile) {
  const test::TempDir folder;
  static_cast<void>(folder.write("config.toml", "max_running = 5\n"));
  EXPECT_EQ(
      load_config(std::nullopt, no_environment, {{"data_dir", {folder.path().string()}}})
          .max_running,
      5);
}

TEST(Config, RefusesWhatCannotBe) {
  const auto with = [](const std::string& name, const std::string& value) {
    return message_of([&] { load_config(std::nullopt, no_environment, {{name, {value}}}); });
  };
  EXPECT_THAT(
      with("port", "70000"),
      HasSubstr("port (command line) must be a whole number from 0 to 65535"));
  EXPECT_THAT(with("port", "8o"), HasSubstr("got \"8o\""));
  EXPECT_THAT(with("memory_fraction", "1.5"), HasSubstr("memory_fraction"));
  EXPECT_THAT(with("log_level", "loud"), HasSubstr("one of debug, info, warning, error"));
  EXPECT_THAT(with("prot", "1"), HasSubstr("prot (command line) is not a setting"));
}

TEST(Config, RefusesToListenBeyondLoopback) {
  EXPECT_THAT(
      message_of([] { load_config(std::nullopt, no_environment, {{"host", {"0.0.0.0"}}}); }),
      HasSubstr("must be a loopback address"));
  EXPECT_THAT(load_config(std::nullopt, no_environment, {}).hosts, ElementsAre("127.0.0.1", "::1"));
}

TEST(Config, NamesTheLineOfBrokenToml) {
  const test::TempDir folder;
  const auto file = folder.write("hub.toml", "port = 1\nport = = 2\n");
  EXPECT_THAT(message_of([&] { load_config(file, no_environment, {}); }), HasSubstr("line 2"));
  EXPECT_THAT(
      message_of([&] { load_config(folder.path() / "none.toml", no_environment, {}); }),
      HasSubstr("does not exist"));
  const auto typed = folder.write("typed.toml", "port = true\n");
  EXPECT_THAT(
      message_of([&] { load_config(typed, no_environment, {}); }),
      HasSubstr("a string or a number"));
}

}  // namespace
}  // namespace hub::hub
