#include "core/hub/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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
  EXPECT_EQ(config.settings_file, file);
  EXPECT_EQ(config.port, 3333);
  EXPECT_EQ(config.threads, 3);
  EXPECT_EQ(load_config(file, no_environment, {{"kv_bits", {"8"}}}).kv_bits, 8);
  EXPECT_EQ(load_config(file, no_environment, {{"kv_window", {"500"}}}).kv_window, 500);
  EXPECT_EQ(load_config(file, no_environment, {{"activation_bits", {"8"}}}).activation_bits, 8);
  EXPECT_TRUE(load_config(file, no_environment, {{"batch_invariant", {"on"}}}).batch_invariant);
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

TEST(Config, DraftModelsAreForAllOrForOne) {
  const test::TempDir folder;
  const auto file = folder.write(
      "hub.toml", "draft_model = [\"small\", \"big=small:2\", \"other=/models/tiny\"]\n");
  const Config config = load_config(file, no_environment, {});
  ASSERT_EQ(config.draft_models.size(), 3U);
  EXPECT_EQ(config.draft_models[0].model, "");
  EXPECT_EQ(config.draft_models[0].draft, "small");
  EXPECT_EQ(config.draft_models[1].model, "big");
  EXPECT_EQ(config.draft_models[1].draft, "small:2");
  EXPECT_EQ(config.draft_models[2].model, "other");
  EXPECT_EQ(config.draft_models[2].draft, "/models/tiny");
}

TEST(Config, RefusesWhatCannotBe) {
  const auto with = [](const std::string& name, const std::string& value) {
    return message_of([&] { load_config(std::nullopt, no_environment, {{name, {value}}}); });
  };
  for (const char* wrong : {"", "=small", "big=", "/models/big=small"}) {
    EXPECT_THAT(with("draft_model", wrong), HasSubstr("NAME, a path, MODEL=NAME or MODEL=path"))
        << wrong;
  }
  EXPECT_THAT(
      with("port", "70000"),
      HasSubstr("port (command line) must be a whole number from 0 to 65535"));
  EXPECT_THAT(with("port", "8o"), HasSubstr("got \"8o\""));
  EXPECT_THAT(with("memory_fraction", "1.5"), HasSubstr("memory_fraction"));
  EXPECT_THAT(with("mlflow_insecure_tls", "yes"), HasSubstr("must be one of on, off"));
  EXPECT_THAT(
      with("mlflow_part_bytes", "1000"), HasSubstr("must be a whole number from 5242880 to "));
  EXPECT_THAT(with("log_level", "loud"), HasSubstr("one of debug, info, warning, error"));
  EXPECT_THAT(with("log_format", "xml"), HasSubstr("one of auto, text, pretty, json"));
  EXPECT_THAT(with("log_file_bytes", "1000"), HasSubstr("a whole number from 65536"));
  EXPECT_THAT(with("kv_bits", "5"), HasSubstr("must be one of 0, 4, 8, got \"5\""));
  EXPECT_THAT(with("activation_bits", "16"), HasSubstr("must be one of 32, 8, got \"16\""));
  EXPECT_THAT(with("kv_window", "4"), HasSubstr("more than the 4 sinks"));
  EXPECT_THAT(with("kv_sinks", "65"), HasSubstr("a whole number from 0 to 64"));
  EXPECT_THAT(with("prot", "1"), HasSubstr("prot (command line) is not a setting"));
}

TEST(Config, ARefusedAddressKeepsItsPassword) {
  const std::string message = message_of([] {
    static_cast<void>(load_config({}, no_environment, {{"mlflow_uri", {"htp://me:secret@host"}}}));
  });
  EXPECT_THAT(message, HasSubstr("@host"));
  EXPECT_THAT(message, Not(HasSubstr("secret")));
}

TEST(Config, AnEmptyPathIsTheDefaultOrNone) {
  const Config config = load_config(std::nullopt, no_environment, {{"hf_cache", {""}}});
  EXPECT_TRUE(config.hf_cache.empty());
  EXPECT_THAT(
      message_of([] { load_config(std::nullopt, no_environment, {{"allow_path", {"/a", ""}}}); }),
      HasSubstr("allow_path (command line) must be a path, got \"\""));
  EXPECT_THAT(
      message_of([] { load_config(std::nullopt, no_environment, {{"data_dir", {""}}}); }),
      HasSubstr("data_dir (command line) must be a path"));
}

TEST(Config, RanksOfJobsRunHereUnlessAHostfileIsNamed) {
  const test::TempDir folder;
  const auto file = folder.write("hub.toml", "hostfile = \"/etc/hosts.json\"\nssh = \"my-ssh\"\n");
  const Config config = load_config(file, no_environment, {});
  EXPECT_EQ(config.hostfile, "/etc/hosts.json");
  EXPECT_EQ(config.ssh, "my-ssh");
  EXPECT_TRUE(Config().hostfile.empty());
}

TEST(Config, ACertificateAndItsKeyGoTogether) {
  const test::TempDir folder;
  const auto file = folder.write("hub.toml", "tls_cert = \"/etc/c.pem\"\n");
  EXPECT_THAT(
      message_of([&] { load_config(file, no_environment, {}); }),
      HasSubstr("tls_cert and tls_key go together"));
  const Config config = load_config(file, no_environment, {{"tls_key", {"/etc/k.pem"}}});
  EXPECT_EQ(config.tls_cert, "/etc/c.pem");
  EXPECT_EQ(config.tls_key, "/etc/k.pem");
}

TEST(Config, KnowsWhenItListensBeyondLoopback) {
  const Config local = load_config(std::nullopt, no_environment, {});
  EXPECT_THAT(local.hosts, ElementsAre("127.0.0.1", "::1"));
  EXPECT_FALSE(local.beyond_loopback());
  EXPECT_TRUE(
      load_config(std::nullopt, no_environment, {{"host", {"::1", "0.0.0.0"}}}).beyond_loopback());
}

TEST(Config, NamesAndOriginsThatMayCallAreCheckedForTheirShape) {
  const Config config = load_config(
      std::nullopt,
      no_environment,
      {{"allowed_hosts", {"hub.example.org", "[fe80::1]"}},
       {"allowed_origins", {"https://app.example.org", "http://localhost:3000"}},
       {"max_handlers", {"32"}}});
  EXPECT_THAT(config.allowed_hosts, ElementsAre("hub.example.org", "[fe80::1]"));
  EXPECT_EQ(config.allowed_origins.size(), 2U);
  EXPECT_EQ(config.max_handlers, 32U);
  const auto wrong = [](const std::string& name, const std::string& value) {
    return message_of([&] { load_config(std::nullopt, no_environment, {{name, {value}}}); });
  };
  for (const char* host : {"http://hub", "hub:8000", "a/b", "a b"}) {
    EXPECT_THAT(wrong("allowed_hosts", host), HasSubstr("without port and scheme"));
  }
  for (const char* origin : {"app.example.org", "https://a/", "*", "https://*", "://a"}) {
    EXPECT_THAT(wrong("allowed_origins", origin), HasSubstr("without path"));
  }
  EXPECT_THAT(wrong("max_handlers", "1"), HasSubstr("from 4 to 4096"));
}

TEST(Config, TheKeyOfTheCommandLineComesFromTheDataFolder) {
  const test::TempDir folder;
  EXPECT_EQ(configured_api_key(folder.path()), "");
  static_cast<void>(folder.write("config.toml", "port = 1\napi_key = \"mh-abc\"\n"));
  EXPECT_EQ(configured_api_key(folder.path()), "mh-abc");
  EXPECT_EQ(load_config(folder.path() / "config.toml", no_environment, {}).api_key, "mh-abc");
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
