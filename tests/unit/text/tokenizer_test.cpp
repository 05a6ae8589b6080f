#include "core/text/tokenizer.h"

#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/unit/text/golden.h"

namespace hub::text {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

class TokenizerGolden : public testing::TestWithParam<std::string> {};

TEST_P(TokenizerGolden, IdsOffsetsAndTextsAreHuggingFaces) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder(GetParam()));
  const Json golden = read_golden("encodings_" + GetParam() + ".json");
  ASSERT_GT(golden["lines"].size(), 80U);
  for (const Json& line : golden["lines"]) {
    const std::string text = line["text"];
    SCOPED_TRACE(line["text"].dump());
    const std::vector<int> ids = line["ids"];
    const std::vector<int> special_ids = line["special_ids"];
    EXPECT_EQ(tokenizer->encode(text), ids);
    EXPECT_EQ(tokenizer->encode(text, true), special_ids);
    const Tokenizer::Encoding encoding = tokenizer->encode_with_offsets(text);
    EXPECT_EQ(encoding.ids, ids);
    const std::vector<std::pair<std::size_t, std::size_t>> offsets = line["offsets"];
    EXPECT_EQ(encoding.offsets, offsets);
    EXPECT_EQ(tokenizer->decode(ids), line["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->decode(special_ids, false), line["decoded_special"].get<std::string>());
  }
}

TEST_P(TokenizerGolden, RandomIdsDecodeAsHuggingFaces) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder(GetParam()));
  const Json golden = read_golden("encodings_" + GetParam() + ".json");
  ASSERT_GE(golden["random"].size(), 60U);
  for (const Json& row : golden["random"]) {
    const std::vector<int> ids = row["ids"];
    EXPECT_EQ(tokenizer->decode(ids), row["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids, false), row["decoded_special"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files,
    TokenizerGolden,
    testing::Values("default_model", "sentencepiece_style", "split_style"),
    [](const auto& tested) { return tested.param; });

ErrorCode code_of(const std::function<void()>& action, std::string& message) {
  try {
    action();
  } catch (const Error& error) {
    message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(Tokenizer, AMissingOrBrokenFileIsNamed) {
  const TempFolder folder;
  std::string message;
  EXPECT_EQ(code_of([&] { Tokenizer::load(folder.path()); }, message), ErrorCode::kUnprocessable);
  EXPECT_THAT(message, testing::HasSubstr("tokenizer.json"));
  for (
      const std::string broken :
      {"",
       "{",
       "[]",
       R"({"version":"1.0","model":{"type":"Nope"}})",
       // Here the crate panics.
       R"({"version":"1.0","added_tokens":[],"decoder":{"type"*"Fuse"},"model":{"type":"BPE"}})"}) {
    folder.write("tokenizer.json", broken);
    EXPECT_EQ(code_of([&] { Tokenizer::load(folder.path()); }, message), ErrorCode::kUnprocessable);
    EXPECT_THAT(message, testing::StartsWith("tokenizer.json cannot be used: "));
    EXPECT_GT(message.size(), 35U);
  }
}

TEST(Tokenizer, TextThatIsNotUtf8IsRefusedWithItsPlace) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder("split_style"));
  std::string message;
  EXPECT_EQ(
      code_of([&] { static_cast<void>(tokenizer->encode("abc\xff")); }, message),
      ErrorCode::kInvalidArgument);
  EXPECT_THAT(message, testing::HasSubstr("byte 3"));
  EXPECT_EQ(
      code_of([&] { static_cast<void>(tokenizer->encode_with_offsets("\xed\xa0\x80")); }, message),
      ErrorCode::kInvalidArgument);
}

TEST(Tokenizer, IdsOutsideTheVocabularyAreRefused) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder("split_style"));
  for (const int id : {-1, tokenizer->vocabulary_size(), std::numeric_limits<int>::max()}) {
    std::string message;
    const std::vector<int> ids = {0, id};
    EXPECT_EQ(
        code_of([&] { static_cast<void>(tokenizer->decode(ids)); }, message),
        ErrorCode::kInvalidArgument);
    EXPECT_THAT(message, testing::HasSubstr(std::to_string(id)));
    EXPECT_EQ(tokenizer->id_to_token(id), std::nullopt);
  }
}

TEST(Tokenizer, TokensAndIdsNameEachOther) {
  const auto tokenizer = Tokenizer::load(default_model());
  EXPECT_EQ(tokenizer->vocabulary_size(), 49152);
  EXPECT_EQ(tokenizer->token_to_id("<|im_end|>"), 2);
  EXPECT_EQ(tokenizer->id_to_token(2), "<|im_end|>");
  const auto the = tokenizer->token_to_id("Ġthe");
  ASSERT_TRUE(the);
  EXPECT_EQ(tokenizer->encode(" the"), std::vector<int>{*the});
  EXPECT_EQ(tokenizer->token_to_id("no such token"), std::nullopt);
}

TEST(Tokenizer, TheDigestIsThatOfTheFile) {
  const auto folder = tokenizer_folder("split_style");
  EXPECT_EQ(Tokenizer::load(folder)->digest(), base::sha256_file(folder / "tokenizer.json"));
}

TEST(Tokenizer, ThreadsShareOne) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder("split_style"));
  const std::string text = "Threads share one tokenizer: 123 äöü 😀";
  const std::vector<int> expected = tokenizer->encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  threads.reserve(wrong.size());
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        wrong[t] +=
            tokenizer->encode(text) == expected && tokenizer->decode(expected) == text ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(wrong, testing::Each(0));
}

}  // namespace
}  // namespace hub::text
