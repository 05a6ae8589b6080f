#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

Dataset read_array(const std::string& bytes, const ReadLimits& limits = {}) {
  const TempFolder folder;
  folder.write("data.json", bytes);
  return read_dataset(folder.path() / "data.json", limits);
}

TEST(JsonArray, RowsKnowTheLineTheyBeginIn) {
  const Dataset dataset = read_array(
      "\xEF\xBB\xBF\n[\n  {\"text\": \"a, ]}\\\" {\"},\n  {\n    \"text\": \"b\"\n  }\n]\n");
  EXPECT_EQ(dataset.problems.count(), 0U);
  EXPECT_EQ(dataset.file_type, FileType::kJson);
  ASSERT_EQ(dataset.rows.size(), 2U);
  EXPECT_EQ(Json::parse(dataset.rows[0].json)["text"], "a, ]}\" {");
  EXPECT_EQ(dataset.rows[0].line, 3U);
  EXPECT_EQ(dataset.rows[1].line, 4U);
  EXPECT_EQ(read_array("[]").rows.size(), 0U);
}

TEST(JsonArray, ABrokenRowIsNamedAndTheOthersAreUsed) {
  const Dataset dataset = read_array(
      "[{\"text\":\"a\"},\n{\"text\":},\n3,\n,\n{\"text\":\"b\"} {\"text\":\"c\"},\n{\"text\":\"" +
          std::string(100, 'x') + "\"},\n{\"text\":\"d\"},]",
      {.line_bytes = 50});
  ASSERT_EQ(dataset.rows.size(), 2U);
  EXPECT_EQ(dataset.rows[1].line, 7U);
  ASSERT_EQ(dataset.problems.count(), 6U);
  const std::vector<std::pair<std::size_t, std::string>> wanted = {
      {2, "not valid JSON"},
      {3, "a row must be a JSON object, got number"},
      {4, "a row is missing"},
      {5, "not valid JSON"},
      {6, "longer than 50 bytes"},
      {7, "a row is missing"}};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(dataset.problems.first()[i].line, wanted[i].first);
    EXPECT_THAT(dataset.problems.first()[i].message, HasSubstr(wanted[i].second));
  }
}

TEST(JsonArray, AnArrayThatDoesNotEndOrIsFollowedByMoreRefusesTheFile) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"[{\"text\":\"a\"},\n{\"text\":\"b", "it stops in line 2"},
      {"[{\"text\":\"a\"}", "does not end"},
      {"[", "does not end"},
      {"[{\"text\":\"a\"}]\n{\"text\":\"b\"}", "line 2: there is more behind the end"},
  };
  for (const auto& [bytes, reason] : broken) {
    const base::Error error = thrown_by([&array = bytes] { read_array(array); });
    EXPECT_EQ(error.reason(), "dataset_invalid") << bytes;
    EXPECT_THAT(error.what(), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace hub::data
