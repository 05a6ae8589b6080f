#include "core/text/detokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/text/golden.h"

namespace hub::text {
namespace {

using base::Json;

bool is_utf8(const std::string& text) {
  return Json::accept(Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore)) &&
         Json(text).dump(-1, ' ', false, Json::error_handler_t::ignore) ==
             Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

class DetokenizerGolden : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ = Tokenizer::load(tokenizer_folder(GetParam()));

  // Feeds `ids` one by one; each piece must be whole UTF-8.
  std::string stream(const std::vector<int>& ids, bool skip_special) {
    Detokenizer detokenizer(tokenizer_, skip_special);
    std::string text;
    for (const int id : ids) {
      const std::string piece = detokenizer.push(id);
      EXPECT_TRUE(is_utf8(piece));
      text += piece;
    }
    text += detokenizer.flush();
    EXPECT_EQ(detokenizer.flush(), "");
    return text;
  }
};

TEST_P(DetokenizerGolden, PiecesOfEveryLineJoinToItsDecodedText) {
  const Json golden = read_golden("encodings_" + GetParam() + ".json");
  ASSERT_GE(golden["lines"].size(), 60U);
  for (const Json& line : golden["lines"]) {
    EXPECT_EQ(stream(line["ids"], true), line["decoded"].get<std::string>());
    EXPECT_EQ(stream(line["special_ids"], false), line["decoded_special"].get<std::string>());
  }
}

TEST_P(DetokenizerGolden, PiecesOfRandomIdsJoinToTheirDecodedText) {
  const Json golden = read_golden("encodings_" + GetParam() + ".json");
  ASSERT_GE(golden["random"].size(), 60U);
  for (const Json& row : golden["random"]) {
    EXPECT_EQ(stream(row["ids"], true), row["decoded"].get<std::string>());
    EXPECT_EQ(stream(row["ids"], false), row["decoded_special"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files,
    DetokenizerGolden,
    testing::Values("default_model", "sentencepiece_style", "split_style"),
    [](const auto& tested) { return tested.param; });

TEST(Detokenizer, HoldsBackOnlyUnfinishedCharacters) {
  const auto tokenizer = Tokenizer::load(default_model());
  const std::vector<int> ids = tokenizer->encode("Hi 👩‍👩‍👧 there");
  Detokenizer detokenizer(tokenizer);
  std::size_t empty = 0;
  for (const int id : ids) {
    empty += detokenizer.push(id).empty() ? 1 : 0;
  }
  EXPECT_GT(empty, 0U);
  EXPECT_EQ(detokenizer.flush(), "");
}

TEST(Detokenizer, AnUnfinishedCharacterComesOutAtTheEnd) {
  const auto tokenizer = Tokenizer::load(default_model());
  std::vector<int> ids = tokenizer->encode("x😀");
  ids.pop_back();
  Detokenizer detokenizer(tokenizer);
  std::string text;
  for (const int id : ids) {
    text += detokenizer.push(id);
  }
  EXPECT_EQ(text, "x");
  EXPECT_EQ(detokenizer.flush(), "\xEF\xBF\xBD");
}

TEST(Detokenizer, AGenuineReplacementCharacterDelaysOnlyItself) {
  const auto tokenizer = Tokenizer::load(default_model());
  Detokenizer detokenizer(tokenizer);
  std::string text;
  for (const int id : tokenizer->encode("a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD")) {
    text += detokenizer.push(id);
  }
  EXPECT_EQ(text, "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.flush(), "\xEF\xBF\xBD");
}

TEST(Detokenizer, IsAsNewAfterFlush) {
  const auto tokenizer = Tokenizer::load(tokenizer_folder("sentencepiece_style"));
  const std::vector<int> ids = tokenizer->encode("the end");
  Detokenizer detokenizer(tokenizer);
  for (int round = 0; round < 2; ++round) {
    std::string text;
    for (const int id : ids) {
      text += detokenizer.push(id);
    }
    EXPECT_EQ(text + detokenizer.flush(), "the end");
  }
}

TEST(Detokenizer, IdsOutsideTheVocabularyAddNothing) {
  const auto tokenizer = Tokenizer::load(default_model());
  Detokenizer detokenizer(tokenizer);
  EXPECT_EQ(detokenizer.push(49152), "");
  EXPECT_EQ(detokenizer.push(-1), "");
  EXPECT_EQ(detokenizer.push(tokenizer->encode("a").front()), "a");
}

TEST(Detokenizer, OutlivesTheCallersTokenizer) {
  auto tokenizer = Tokenizer::load(tokenizer_folder("split_style"));
  const std::vector<int> ids = tokenizer->encode("abc");
  Detokenizer detokenizer(tokenizer);
  tokenizer.reset();
  std::string text;
  for (const int id : ids) {
    text += detokenizer.push(id);
  }
  EXPECT_EQ(text + detokenizer.flush(), "abc");
}

}  // namespace
}  // namespace hub::text
