#include "api/cli/yaml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

using base::Json;
using ::testing::HasSubstr;

std::string refused(const std::string& text) {
  try {
    parse_yaml(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Yaml, TypesPlainScalarsAsMlxLmsLoader) {
  EXPECT_EQ(parse_yaml("a: 1e-5")["a"], 1e-5);
  EXPECT_EQ(parse_yaml("a: 1E+2")["a"], 100.0);
  EXPECT_EQ(parse_yaml("a: .5")["a"], 0.5);
  EXPECT_EQ(parse_yaml("a: 2.")["a"], 2.0);
  EXPECT_EQ(parse_yaml("a: 1_000")["a"], 1000);
  EXPECT_EQ(parse_yaml("a: -1")["a"], -1);
  EXPECT_TRUE(parse_yaml("a: 16")["a"].is_number_integer());
  EXPECT_EQ(parse_yaml("a: yes")["a"], true);
  EXPECT_EQ(parse_yaml("a: false")["a"], false);
  EXPECT_EQ(parse_yaml("a:")["a"], nullptr);
  EXPECT_EQ(parse_yaml("a: ~")["a"], nullptr);
  EXPECT_EQ(parse_yaml("a: 1.2.3")["a"], "1.2.3");
  EXPECT_EQ(parse_yaml("a: \"1\"")["a"], "1") << "quotes make text";
  EXPECT_EQ(parse_yaml("a: 'true'")["a"], "true");
  EXPECT_EQ(
      parse_yaml("a:\n  b: [1, x]\n  c: {d: 2}\n"),
      (Json{{"a", {{"b", {1, "x"}}, {"c", {{"d", 2}}}}}}));
}

TEST(Yaml, RefusesWhatIsNoneByLine) {
  EXPECT_THAT(refused("a: 1\nb: [1,\nc: 2"), HasSubstr("line"));
  EXPECT_THAT(refused("a: *nowhere"), HasSubstr("no YAML"));
}

// Aliases of aliases: a few lines, a billion values.
TEST(Yaml, ManyValuesOfFewLinesAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) {
      bomb += ", " + before;
    }
    bomb += "]\n";
  }
  EXPECT_THAT(refused(bomb), HasSubstr("at most"));
}

TEST(Yaml, AFileIsNamedInItsError) {
  const test::TempDir folder;
  const auto file = folder.write("bad.yaml", "a: [");
  try {
    read_yaml(file);
    ADD_FAILURE() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("bad.yaml"));
  }
}

}  // namespace
}  // namespace hub::api
