#include <gmock/gmock.h>

#include "core/data/parquet_reader.h"
#include "core/data/preference.h"
#include "core/data/split.h"
#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::HasSubstr;

// Written by pyarrow: scripts/make_parquet_goldens.py.
std::filesystem::path golden(const std::string& name) {
  return text::golden_folder().parent_path() / "data" / (name + ".parquet");
}

Dataset read_golden_file(const std::string& name) {
  return read_dataset(golden(name));
}

Dataset read_bytes(const std::string& bytes, const ReadLimits& limits = {}) {
  const TempFolder folder;
  folder.write("data.parquet", bytes);
  return read_dataset(folder.path() / "data.parquet", limits);
}

std::string refusal(const std::function<void()>& action) {
  const base::Error error = thrown_by(action);
  EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable) << error.what();
  EXPECT_EQ(error.reason(), "dataset_invalid");
  return error.what();
}

std::string refused_file(const std::string& name) {
  return refusal([&] { read_golden_file(name); });
}

TEST(Parquet, ConversationsAreListsOfStructsOverSeveralRowGroups) {
  for (const char* name : {"chat", "chat_v2"}) {
    SCOPED_TRACE(name);
    const Dataset dataset = read_golden_file(name);
    EXPECT_EQ(dataset.file_type, FileType::kParquet);
    EXPECT_EQ(dataset.format(), "chat");
    EXPECT_EQ(dataset.problems.count(), 0U);
    ASSERT_EQ(dataset.rows.size(), 5U);
    EXPECT_EQ(dataset.rows[4].line, 5U);
    EXPECT_EQ(
        dataset.rows[4].json,
        R"({"messages":[{"role":"user","content":"q4"},{"role":"assistant","content":"a4 😀"}]})");
    EXPECT_EQ(dataset.digest, base::sha256_file(golden(name)));
  }
}

TEST(Parquet, PreferencesAsUltraFeedbackHasThem) {
  const Dataset dataset = read_golden_file("preference");
  ASSERT_EQ(dataset.format(), "preference");
  const Json pair = preference_pair(Json::parse(dataset.rows[0].json));
  EXPECT_EQ(pair["shared"], 1U);
  EXPECT_EQ(pair["chosen"].back(), message("assistant", "good"));
  EXPECT_EQ(pair["rejected"].back(), message("assistant", "bad"));
  EXPECT_EQ(pair["rejected"].size(), 2U);
}

TEST(Parquet, NullsAndEmptyListsAreProblemsOfTheirRow) {
  const Dataset dataset = read_golden_file("holes");
  ASSERT_EQ(dataset.rows.size(), 1U);
  EXPECT_EQ(dataset.rows[0].line, 5U);
  ASSERT_EQ(dataset.problems.count(), 4U);
  const std::vector<std::string> reasons = {
      "this one has no field",
      "'messages' must be an array with at least one message",
      "'messages[0].content' is required",
      "'messages[0]' must be"};
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(dataset.problems.first()[i].line, i + 1);
    EXPECT_THAT(dataset.problems.first()[i].message, HasSubstr(reasons[i]));
  }
}

TEST(Parquet, EveryCompressionAndEncodingOfTextGivesTheSame) {
  for (const char* name : {"text_gzip", "text_plain"}) {
    SCOPED_TRACE(name);
    const Dataset dataset = read_golden_file(name);
    ASSERT_EQ(dataset.rows.size(), 700U);
    for (std::size_t i = 0; i < dataset.rows.size(); ++i) {
      EXPECT_EQ(dataset.rows[i].json, R"({"text":"text )" + std::to_string(i) + "\"}");
    }
  }
  EXPECT_EQ(read_golden_file("text_required").rows.size(), 2U);
}

TEST(Parquet, TheOtherFormatsHaveColumnsOfText) {
  const Dataset alpaca = read_golden_file("alpaca");
  EXPECT_EQ(alpaca.format(), "alpaca");
  ASSERT_EQ(alpaca.rows.size(), 2U);
  EXPECT_EQ(alpaca.rows[1].json, R"({"instruction":"greet","output":"hi","text":"unused"})");
  const Dataset shared = read_golden_file("sharegpt");
  EXPECT_EQ(shared.format(), "sharegpt");
  EXPECT_EQ(
      shared.rows.at(0).json,
      R"({"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]})");
  const Dataset texts = read_golden_file("json_text");
  ASSERT_EQ(texts.rows.size(), 1U);
  EXPECT_EQ(texts.rows[0].format, RowFormat::kChat);
  ASSERT_EQ(texts.problems.count(), 1U);
  EXPECT_THAT(texts.problems.first()[0].message, HasSubstr("column 'messages' is not valid JSON"));
  const Dataset broken = read_golden_file("not_utf8");
  ASSERT_EQ(broken.problems.count(), 1U);
  EXPECT_EQ(broken.problems.first()[0].line, 2U);
  EXPECT_EQ(broken.problems.first()[0].message, "column 'text' holds no valid UTF-8");
}

TEST(Parquet, WhatCannotBeReadIsRefusedByName) {
  EXPECT_THAT(refused_file("other_columns"), HasSubstr("the columns 'question', 'answer'; a row"));
  EXPECT_THAT(refused_file("numbers"), HasSubstr("column 'prompt' holds INT64, text was wanted"));
  EXPECT_THAT(refused_file("nested"), HasSubstr("write it as JSON text"));
  EXPECT_THAT(refused_file("delta"), HasSubstr("only plain and dictionary encoding"));
  EXPECT_THAT(refusal([] { read_bytes("junk that is long enough"); }), HasSubstr("PAR1"));
}

TEST(Parquet, WhatUnpacksToFarMoreThanItsSizeIsRefused) {
  EXPECT_THAT(refused_file("bomb_dictionary"), HasSubstr("unpacks to more than"));
  EXPECT_THAT(refused_file("bomb_zstd"), HasSubstr("unpacks to more than"));
  const std::string bytes = base::read_file(golden("text_plain"));
  EXPECT_THAT(refusal([&] { read_bytes(bytes, {.rows = 699}); }), HasSubstr("claims 700 rows"));
  const Dataset cut = read_bytes(bytes, {.line_bytes = 17});  // {"text":"text 9"}
  EXPECT_EQ(cut.rows.size(), 10U);
  EXPECT_EQ(cut.problems.count(), 690U);
}

TEST(Parquet, AFileThatIsCutOffAnywhereIsRefused) {
  const std::string bytes = base::read_file(golden("chat"));
  for (std::size_t size = 4; size < bytes.size(); size += 7) {
    refusal([&] { read_bytes(bytes.substr(0, size)); });
  }
}

// Whatever a file claims: an error or other rows, but no crash, no end of memory and no endless
// loop. Every other byte of each file is changed; counts become huge by it.
TEST(Parquet, ChangedBytesNeverDoHarm) {
  SplitMix64 random(7);
  const TempFolder folder;
  std::size_t refused = 0;
  std::size_t read = 0;
  for (const char* name : {"chat", "chat_v2", "alpaca", "text_gzip"}) {
    const std::string bytes = base::read_file(golden(name));
    for (std::size_t at = random.below(2); at < bytes.size(); at += 2) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(random.below(3) == 0 ? 0xFF : random.below(256));
      folder.write("data.parquet", changed);
      try {
        read += read_dataset(folder.path() / "data.parquet").bytes > 0 ? 1 : 0;
      } catch (const base::Error& error) {
        EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable) << name << " " << at;
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500U);
  EXPECT_GT(read, 500U);
}

}  // namespace
}  // namespace hub::data
