#include "core/data/dataset.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using base::ErrorCode;
using testing::HasSubstr;

const char* const kText = R"({"text":"a"})";

TEST(Dataset, TellsEachFormatByTheFieldsOfItsRows) {
  const auto format_of = [](const std::string& line) {
    const Dataset dataset = read_lines(line + "\n");
    EXPECT_EQ(dataset.problems.count(), 0U) << line;
    EXPECT_EQ(dataset.rows.at(0).json, line);
    return std::string(dataset.format());
  };
  const std::string messages =
      R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])";
  EXPECT_EQ(format_of(R"({"messages":)" + messages + R"(,"tools":[{}]})"), "chat");
  EXPECT_EQ(format_of(R"({"messages":)" + messages + R"(,"tools":"[{}]"})"), "chat");
  EXPECT_EQ(format_of(R"({"prompt":"a","completion":"b","messages":[],"other":1})"), "completion");
  EXPECT_EQ(format_of(kText), "text");
  EXPECT_EQ(format_of(R"({"instruction":"a","output":"b","text":"c"})"), "alpaca");
  EXPECT_EQ(format_of(R"({"instruction":"a","input":null,"output":"b"})"), "alpaca");
  EXPECT_EQ(format_of(R"({"conversations":[{"from":"human","value":"a"}]})"), "sharegpt");
  EXPECT_EQ(format_of(R"({"prompt":"a","choices":["b","c"],"answer":1})"), "choice");
  EXPECT_EQ(format_of(R"({"messages":null,"text":"c"})"), "text") << "null is as good as absent";
  EXPECT_EQ(read_lines("").format(), "none");
}

TEST(Dataset, ARowOfAnotherFormatThanTheFirstIsAProblemThatNamesBoth) {
  const Dataset dataset = read_lines(
      "{\"txt\":1}\n"
      "{\"prompt\":\"a\",\"completion\":\"b\"}\n"
      "{\"text\":\"a\"}\n"
      "{\"prompt\":\"c\",\"completion\":\"d\"}\n");
  EXPECT_EQ(dataset.rows.size(), 2U);
  EXPECT_EQ(dataset.format(), "completion");
  ASSERT_EQ(dataset.problems.count(), 2U);
  EXPECT_EQ(dataset.problems.first()[1].line, 3U);
  EXPECT_EQ(
      dataset.problems.first()[1].message,
      "a row of format 'text' in a data set of format 'completion' (since line 2): it needs "
      "'prompt' and 'completion'");
}

TEST(Dataset, AChoiceNeedsAnAnswerAmongItsChoices) {
  const Dataset dataset = read_lines(
      "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":\"c\"}\n"
      "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":2}\n"
      "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":\"d\"}\n"
      "{\"prompt\":\"a\",\"choices\":[\"b\"],\"answer\":0}\n"
      "{\"prompt\":\"a\",\"choices\":[\"b\",\"\"],\"answer\":0}\n"
      "{\"prompt\":\"a\",\"choices\":\"b\",\"answer\":0}\n"
      "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":-1}\n");
  EXPECT_EQ(dataset.rows.size(), 1U);
  EXPECT_EQ(dataset.problems.count(), 6U);
  EXPECT_EQ(
      dataset.problems.first()[0].message,
      "'answer' must be one of the choices, or its number from 0 to 1, got 2");
}

TEST(Dataset, LineEndsBlankLinesAndTheByteOrderMarkAreNoProblem) {
  const std::string line = kText;
  const Dataset dataset =
      read_lines("\xEF\xBB\xBF" + line + "\r\n\n \t\r\n" + line + "\n\n" + line);
  ASSERT_EQ(dataset.rows.size(), 3U);
  EXPECT_EQ(dataset.rows[1].line, 4U);
  EXPECT_EQ(dataset.rows[2].line, 6U);
  EXPECT_EQ(dataset.problems.count(), 0U);
}

TEST(Dataset, EachBrokenLineIsNamedWithItsReasonAndTheOthersAreUsed) {
  const std::string deep = std::string(400'000, '[') + std::string(400'000, ']');
  const std::vector<std::pair<std::string, std::string>> broken = {
      {R"({"text":"a")", "not valid JSON: stopped at byte"},
      {"{\"text\":\"\xff\"}", "not valid UTF-8 from byte 10 on"},
      {R"({"text":"\ud800"})", "not valid JSON"},
      {R"(["text"])", "a row must be a JSON object, got array"},
      {R"({"txt":"a","label":1})", "this one has 'txt', 'label'"},
      {R"({})", "this one has no field"},
      {R"({"text":7})", "'text' must be"},
      {std::string("{\"text\":\"a\0\"}", 13), "a NUL byte at byte 11"},
      {R"({"conversations":[]})", "'conversations' must be an array with at least one turn"},
      {R"({"conversations":[{"from":"alien","value":"a"}]})",
       "'conversations[0].from' must be one of"},
      {R"({"conversations":[{"from":"human"}]})", "'conversations[0].value' is required"},
      {R"({"conversations":[{"from":"function_call","value":"x"}]})",
       "'conversations[0].value' must"},
      {R"({"conversations":[{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":)" +
           deep + R"(}"}]})",
       "'conversations[0].value' must"},
      {R"({"instruction":"a","output":7})", "'output' must be a string"},
      {R"({"instruction":"a","output":"b","history":[["c"]]})", "'history[0]' must be"},
      {R"({"prompt":"a","completion":["b"]})", "'completion' must be"},
      {R"({"prompt":"a"})", "this one has 'prompt'"},
      {R"({"messages":"hi"})", "'messages' must be an array"},
      {R"({"messages":[]})", "'messages' must be an array with at least one message"},
      {R"({"messages":[{"role":"user","content":"a"},{"content":"b"}]})", "messages[1].role"},
      {R"({"messages":[{"role":"user","content":[{"type":"image"}]}]})", "messages[0].content[0]"},
      {R"({"messages":[{"role":"user","content":"a"}],"tools":{}})", "'tools' must be"},
  };
  std::string bytes;
  for (const auto& [line, reason] : broken) {
    bytes += line + "\n" + kText + "\n";
  }
  const Dataset dataset = read_lines(bytes);
  EXPECT_EQ(dataset.rows.size(), broken.size());
  ASSERT_EQ(dataset.problems.first().size(), broken.size());
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_EQ(dataset.problems.first()[i].line, 2 * i + 1);
    EXPECT_THAT(dataset.problems.first()[i].message, HasSubstr(broken[i].second));
  }
}

TEST(Dataset, DeeplyNestedLinesAreProblemsNotCrashes) {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  const Dataset dataset =
      read_lines("{\"text\":" + deep + "}\n" + deep + "\n{\"text\":\"a\",\"more\":" + deep + "}\n");
  EXPECT_EQ(dataset.rows.size(), 0U);
  ASSERT_EQ(dataset.problems.count(), 3U);
  EXPECT_THAT(dataset.problems.first()[0].message, HasSubstr("nest at most 128 levels deep"));
}

TEST(Dataset, ATurnWithoutContentIsAProblemUnlessItCallsTools) {
  const Dataset dataset = read_lines(
      "{\"messages\":[{\"role\":\"user\"}]}\n"
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
      "null,"
      "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}\n");
  EXPECT_EQ(dataset.rows.size(), 1U);
  ASSERT_EQ(dataset.problems.count(), 1U);
  EXPECT_THAT(dataset.problems.first()[0].message, HasSubstr("messages[0].content"));
}

TEST(Dataset, AllProblemsAreCountedButFewKept) {
  std::string bytes;
  for (int i = 0; i < 250; ++i) {
    bytes += "x\n";
  }
  const Dataset dataset = read_lines(bytes);
  EXPECT_EQ(dataset.problems.count(), 250U);
  EXPECT_EQ(dataset.problems.first().size(), Problems::kMaxProblems);
}

TEST(Dataset, LongLinesAreProblemsAndLargeFilesAreRefused) {
  const std::string line = kText;
  const std::string longer = R"({"text":"aa"})";
  const Dataset dataset =
      read_lines(longer + "\n" + line + "\n" + longer, {.line_bytes = line.size()});
  EXPECT_EQ(dataset.rows.size(), 1U);
  EXPECT_EQ(dataset.problems.count(), 2U);
  EXPECT_EQ(dataset.problems.first()[1].line, 3U);
  EXPECT_THAT(dataset.problems.first()[1].message, HasSubstr("longer than 12 bytes"));
  EXPECT_EQ(
      thrown_by([&] { read_lines(line + "\n" + line, {.rows = 1}); }).code(), ErrorCode::kTooLarge);
  EXPECT_EQ(
      thrown_by([&] { read_lines(line + "\n" + line, {.file_bytes = 20}); }).code(),
      ErrorCode::kTooLarge);
}

TEST(Dataset, LinesMayCrossTheReadersPieces) {
  std::string bytes;
  for (int i = 0; i < 3000; ++i) {
    bytes += Json{{"text", std::string(1000, static_cast<char>('a' + i % 26))}}.dump() + "\n";
  }
  const Dataset dataset = read_lines(bytes);
  ASSERT_EQ(dataset.rows.size(), 3000U);
  EXPECT_EQ(dataset.bytes, bytes.size());
  EXPECT_EQ(dataset.digest, base::sha256_hex(bytes));
  EXPECT_EQ(dataset.rows[2999].json, Json({{"text", std::string(1000, 'j')}}).dump());
}

TEST(Dataset, PathsThatAreNoFileAreNamed) {
  const TempFolder folder;
  EXPECT_EQ(
      thrown_by([&] { read_dataset(folder.path() / "none.jsonl"); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(thrown_by([&] { read_dataset(folder.path()); }).code(), ErrorCode::kUnprocessable);
}

TEST(DatasetFiles, AFolderHoldsTrainValidAndTest) {
  const TempFolder folder;
  EXPECT_EQ(thrown_by([&] { dataset_files(folder.path() / "none"); }).code(), ErrorCode::kNotFound);
  EXPECT_THAT(thrown_by([&] { dataset_files(folder.path()); }).what(), HasSubstr("no train.jsonl"));
  folder.write("train.csv", "text\na\n");
  EXPECT_EQ(dataset_files(folder.path()).train, folder.path() / "train.csv");
  folder.write("train.json", "[]");
  EXPECT_THAT(
      thrown_by([&] { dataset_files(folder.path()); }).what(),
      HasSubstr("both train.json and train.csv"));
  std::filesystem::remove(folder.path() / "train.csv");
  std::filesystem::remove(folder.path() / "train.json");
  folder.write("train.jsonl", kText);
  EXPECT_EQ(dataset_files(folder.path()).train, folder.path() / "train.jsonl");
  EXPECT_EQ(dataset_files(folder.path()).valid, std::nullopt);
  folder.write("valid.jsonl", kText);
  folder.write("test.jsonl", kText);
  EXPECT_EQ(dataset_files(folder.path()).valid, folder.path() / "valid.jsonl");
  EXPECT_EQ(dataset_files(folder.path()).test, folder.path() / "test.jsonl");
  const DatasetFiles single = dataset_files(folder.path() / "valid.jsonl");
  EXPECT_EQ(single.train, folder.path() / "valid.jsonl");
  EXPECT_EQ(single.valid, std::nullopt);
}

}  // namespace
}  // namespace hub::data
