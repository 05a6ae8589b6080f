#include "core/hf/settings.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/storage.h"

namespace hub::hf {
namespace {

using base::ErrorCode;

Environment with(const std::map<std::string, std::string>& values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(HubSettings, ComeFromWhereTheToolsKeepThem) {
  const test::TempDir home;
  static_cast<void>(home.write(".cache/huggingface/token", "hf_stored\n"));
  const std::string path = home.path().string();
  const Settings plain = read_settings({}, with({{"HOME", path}}));
  EXPECT_EQ(plain.endpoint, kDefaultEndpoint);
  EXPECT_EQ(plain.token, "hf_stored");
  EXPECT_EQ(plain.cache, home.path() / ".cache/huggingface/hub");
  EXPECT_FALSE(plain.offline);

  const Settings named = read_settings(
      {},
      with(
          {{"HOME", path},
           {"HF_ENDPOINT", "https://mirror.example/"},
           {"HF_TOKEN", " hf_named\n"},
           {"HF_HOME", path + "/elsewhere"},
           {"HF_HUB_OFFLINE", "1"}}));
  EXPECT_EQ(named.endpoint, "https://mirror.example");
  EXPECT_EQ(named.token, "hf_named");
  EXPECT_EQ(named.cache, home.path() / "elsewhere/hub");
  EXPECT_TRUE(named.offline);

  const Settings own = read_settings(
      {.endpoint = "http://127.0.0.1:1", .token = "hf_own", .cache = "/cache"},
      with({{"HF_ENDPOINT", "https://mirror.example"}, {"HF_TOKEN", "x"}, {"HF_HUB_CACHE", "/y"}}));
  EXPECT_EQ(own.endpoint, "http://127.0.0.1:1");
  EXPECT_EQ(own.token, "hf_own");
  EXPECT_EQ(own.cache, "/cache");
}

TEST(HubSettings, AnEmptyOrAbsentTokenIsNone) {
  const test::TempDir home;
  EXPECT_EQ(read_settings({}, with({{"HF_HOME", home.path()}, {"HF_TOKEN", ""}})).token, "");
  static_cast<void>(home.write("mine", "hf_path"));
  EXPECT_EQ(
      read_settings({}, with({{"HF_HOME", home.path()}, {"HF_TOKEN_PATH", home.path() / "mine"}}))
          .token,
      "hf_path");
}

TEST(HubSettings, AnEndpointMustBeAUrl) {
  for (const char* wrong : {"mirror.example", "ftp://x", "https://x y", "https://x?a=b"}) {
    const auto thrown = test::thrown_by(
        [&] { read_settings({.endpoint = wrong, .token = {}, .cache = {}}, with({})); });
    EXPECT_EQ(thrown.code, ErrorCode::kInvalidArgument) << wrong;
    EXPECT_EQ(thrown.param, "hf_endpoint");
  }
}

TEST(HubSettings, RepositoriesAndRevisionsCannotBecomePaths) {
  for (const char* good : {"org/name", "a/b.c-d_e", "mlx-community/Meta-Llama-3-8B-4bit"}) {
    EXPECT_TRUE(is_repository(good)) << good;
  }
  for (const char* bad :
       {"",
        "name",
        "/name",
        "org/",
        "org/..",
        "../name",
        "a/b/c",
        "a/b c",
        "a--b/c",
        "a/b?c",
        "a/b%2f",
        ".a/b"}) {
    EXPECT_FALSE(is_repository(bad)) << bad;
    EXPECT_EQ(test::thrown_by([&] { check_repository(bad, "repository"); }).param, "repository")
        << bad;
  }
  for (const char* good : {"main", "v1.0", "refs/pr/3", "0123abc"}) {
    EXPECT_EQ(
        test::thrown_by([&] { check_revision(good, "revision"); }).message, "nothing was thrown");
  }
  for (const char* bad : {"", "../x", "a//b", "/a", "a/", "a b", "a?b", "a#b", "a\n"}) {
    EXPECT_EQ(
        test::thrown_by([&] { check_revision(bad, "revision"); }).code, ErrorCode::kInvalidArgument)
        << bad;
  }
}

}  // namespace
}  // namespace hub::hf
