#include "core/hub/archive_manifest.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

using base::Json;
using testing::HasSubstr;

Json good() {
  const std::string sha256(64, 'a');
  return {
      {"format", "mlx-hub-model"},
      {"schema", 1},
      {"model", {{"name", "tiny"}, {"base_model", "org/tiny"}, {"tags", {{"task", "chat"}}}}},
      {"versions",
       {{{"version_id", "one"},
         {"version", 3},
         {"kind", "base"},
         {"state", "ready"},
         {"digest", std::string(64, 'd')},
         {"base", nullptr},
         {"files", {{{"name", "config.json"}, {"size_bytes", 2}, {"sha256", sha256}}}}}}},
      {"aliases", {{"production", 3}}},
      {"files", {{{"sha256", sha256}, {"size_bytes", 2}}}}};
}

std::string refusal(const std::function<void(Json&)>& change) {
  Json manifest = good();
  change(manifest);
  const auto thrown = test::thrown_by([&] { ArchiveManifest::parse(manifest.dump()); });
  EXPECT_EQ(thrown.reason, "archive_invalid");
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnprocessable);
  return thrown.message;
}

TEST(ArchiveManifestTest, ReadsWhatItSays) {
  const ArchiveManifest manifest = ArchiveManifest::parse(good().dump());
  EXPECT_EQ(manifest.name, "tiny");
  EXPECT_EQ(manifest.tags_json, R"({"task":"chat"})");
  ASSERT_EQ(manifest.versions.size(), 1U);
  EXPECT_EQ(manifest.versions[0].number, 3);
  EXPECT_FALSE(manifest.versions[0].base);
  EXPECT_EQ(manifest.aliases.at("production"), 3);
  EXPECT_EQ(manifest.files.at(std::string(64, 'a')), 2);
}

TEST(ArchiveManifestTest, FilesThatNoDiskHoldsAreRefused) {
  EXPECT_THAT(
      refusal([](Json& m) {
        m["files"] = Json::array();
        for (const char digit : {'a', 'b', 'c'}) {
          m["files"].push_back(
              {{"sha256", std::string(64, digit)}, {"size_bytes", 4611686018427387903}});
        }
      }),
      HasSubstr("bytes in all"));
}

TEST(ArchiveManifestTest, NamesTheFieldThatIsWrong) {
  const auto file = [](Json& m) -> Json& { return m["versions"][0]["files"][0]; };
  EXPECT_THAT(refusal([](Json& m) { m = Json::array(); }), HasSubstr("manifest.json"));
  EXPECT_THAT(refusal([](Json& m) { m.erase("versions"); }), HasSubstr("versions"));
  EXPECT_THAT(
      refusal([](Json& m) { m["versions"][0].erase("kind"); }), HasSubstr("versions[0].kind"));
  EXPECT_THAT(refusal([](Json& m) { m["versions"][0]["kind"] = "tower"; }), HasSubstr("kind"));
  EXPECT_THAT(refusal([](Json& m) { m["versions"][0]["state"] = "corrupt"; }), HasSubstr("state"));
  EXPECT_THAT(
      refusal([](Json& m) { m["versions"].push_back(m["versions"][0]); }),
      HasSubstr("order of their numbers"));
  EXPECT_THAT(refusal([&](Json& m) { file(m)["size_bytes"] = -1; }), HasSubstr("size_bytes"));
  EXPECT_THAT(refusal([&](Json& m) { file(m)["sha256"] = "A"; }), HasSubstr("SHA-256"));
  for (const char* name : {"..", "/etc/x.json", "a/b.json", ".hidden.json", "x.py", ""}) {
    EXPECT_THAT(refusal([&](Json& m) { file(m)["name"] = name; }), HasSubstr("plain name")) << name;
  }
  EXPECT_THAT(
      refusal([&](Json& m) { m["versions"][0]["state"] = "pending"; }),
      HasSubstr("pending and has files"));
  EXPECT_THAT(refusal([](Json& m) { m["files"].push_back(m["files"][0]); }), HasSubstr("lists"));
  EXPECT_THAT(
      refusal([](Json& m) {
        m["files"].push_back({{"sha256", std::string(64, 'b')}, {"size_bytes", 1}});
      }),
      HasSubstr("which no version has"));
  EXPECT_THAT(
      refusal([](Json& m) { m["model"]["description"] = std::string(20'000, 'x'); }),
      HasSubstr("description"));
}

}  // namespace
}  // namespace hub::hub
