#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

Dataset read_csv(const std::string& bytes, const ReadLimits& limits = {}) {
  const TempFolder folder;
  folder.write("data.csv", bytes);
  return read_dataset(folder.path() / "data.csv", limits);
}

std::string refusal(const std::string& bytes) {
  const base::Error error = thrown_by([&] { read_csv(bytes); });
  EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
  EXPECT_EQ(error.reason(), "dataset_invalid");
  return error.what();
}

TEST(Csv, QuotesLineEndsAndTheByteOrderMarkFollowTheStandard) {
  const Dataset dataset = read_csv(
      "\xEF\xBB\xBFid,prompt,completion\r\n"
      "1,\"a, \"\"b\"\"\nc\",d\r\n"
      "\r\n"
      "2,,\"\"\n"
      "3,x,y\r4,\"last\",line");
  EXPECT_EQ(dataset.problems.count(), 0U);
  EXPECT_EQ(dataset.file_type, FileType::kCsv);
  EXPECT_EQ(dataset.format(), "completion");
  ASSERT_EQ(dataset.rows.size(), 4U);
  EXPECT_EQ(dataset.rows[0].json, R"({"prompt":"a, \"b\"\nc","completion":"d"})");
  EXPECT_EQ(dataset.rows[0].line, 2U);
  EXPECT_EQ(dataset.rows[1].json, R"({"prompt":"","completion":""})");
  EXPECT_EQ(dataset.rows[1].line, 5U);
  EXPECT_EQ(dataset.rows[2].line, 6U);
  EXPECT_EQ(dataset.rows[3].json, R"({"prompt":"last","completion":"line"})");
  EXPECT_EQ(dataset.rows[3].line, 7U);
}

TEST(Csv, EveryPlaceToCutItIntoPiecesGivesTheSame) {
  const std::string bytes =
      "text,other\r\n\"a\"\"\r\nb\",1\r\n" + std::string(1U << 20U, 'x') + ",2\r\n\"y\r\nz\",3\r\n";
  const Dataset dataset = read_csv(bytes);  // read in pieces of 1 MiB
  ASSERT_EQ(dataset.rows.size(), 3U);
  EXPECT_EQ(dataset.rows[0].json, R"({"text":"a\"\r\nb"})");
  EXPECT_EQ(dataset.rows[2].json, R"({"text":"y\r\nz"})");
  EXPECT_EQ(dataset.digest, base::sha256_hex(bytes));
}

TEST(Csv, ColumnsOfConversationsHoldJson) {
  const Dataset dataset = read_csv(
      "messages,tools\n"
      "\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"a\"\"}]\",\n"
      "[{},\n"
      "\"[1\",x\n");
  ASSERT_EQ(dataset.rows.size(), 1U);
  EXPECT_EQ(dataset.rows[0].json, R"({"messages":[{"role":"user","content":"a"}]})");
  ASSERT_EQ(dataset.problems.count(), 2U);
  EXPECT_THAT(
      dataset.problems.first()[0].message, HasSubstr("column 'messages' is not valid JSON"));
}

TEST(Csv, AlpacaLeavesEmptyInputsOut) {
  const Dataset dataset = read_csv("instruction,input,output\nadd,1 2,3\nhello,,hi\n");
  EXPECT_EQ(dataset.format(), "alpaca");
  ASSERT_EQ(dataset.rows.size(), 2U);
  EXPECT_EQ(dataset.rows[1].json, R"({"instruction":"hello","output":"hi"})");
}

TEST(Csv, ABrokenRowIsNamedWithItsLineAndTheOthersAreUsed) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"a\n", "the row has 1 fields, the header names 2 columns"},
      {"a,b,c\n", "the row has 3 fields"},
      {"\"a\"b,c\n", "behind the quote that ends a field"},
      {"a\"b,c\n", "a quote inside a field"},
      {"\xff,b\n", "column 'text' holds no valid UTF-8 from its byte 1 on"},
      {std::string("a\0,b\n", 5), "column 'text' holds a NUL byte as its byte 2"},
      {std::string(200, 'x') + ",b\n", "longer than 100 bytes"},
  };
  std::string bytes = "text,more\n";
  for (const auto& [row, reason] : broken) {
    bytes += row + "good,row\n";
  }
  bytes += "\"never\nends,x\n";
  const Dataset dataset = read_csv(bytes, {.line_bytes = 100});
  EXPECT_EQ(dataset.rows.size(), broken.size());
  ASSERT_EQ(dataset.problems.count(), broken.size() + 1);
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_EQ(dataset.problems.first()[i].line, 2 + 2 * i);
    EXPECT_THAT(dataset.problems.first()[i].message, HasSubstr(broken[i].second));
  }
  EXPECT_THAT(
      dataset.problems.first().back().message,
      HasSubstr("the quoted field that begins in line 16 does not end"));
}

TEST(Csv, AHeaderThatMakesNoRowsRefusesTheFile) {
  EXPECT_THAT(refusal("a,b\n1,2\n"), HasSubstr("the columns 'a', 'b'; a row needs 'messages'"));
  EXPECT_THAT(refusal("prompt;completion\na;b\n"), HasSubstr("'prompt;completion'"));
  EXPECT_THAT(refusal("text,id, text\n"), HasSubstr("names 'text' twice, in columns 1 and 3"));
  EXPECT_THAT(refusal("text,\xff\n"), HasSubstr("column 2 is not valid UTF-8"));
  std::string many = "text";
  for (int i = 0; i < 1'000'000; ++i) {
    many += ",c";
  }
  EXPECT_THAT(refusal(many + "\n"), HasSubstr("more than 1000 fields"));
  EXPECT_THAT(refusal("\"text\n"), HasSubstr("does not end"));
}

}  // namespace
}  // namespace hub::data
