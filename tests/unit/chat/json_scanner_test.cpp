#include "core/chat/json_scanner.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"

namespace hub::chat {
namespace {

using Step = JsonScanner::Step;

// What the scanner says at the end of `text`, or before.
Step scan(std::string_view text) {
  JsonScanner scanner;
  Step step = Step::kMore;
  for (const char byte : text) {
    step = scanner.take(byte);
    if (step == Step::kBad) {
      break;
    }
  }
  return step;
}

TEST(JsonScannerTest, AValueEndsWithItsLastByte) {
  for (const std::string_view text :
       {R"({})",
        R"([])",
        R"({"a": [1, -2.5e+7, true, null, "x\"\u00e4\\"], "b": {"c": 0}})",
        R"("text")",
        "true",
        " \n null",
        "[0.5, 1E5, 10]",
        R"({ "a" : 1 , "b" : [ ] })"}) {
    EXPECT_EQ(scan(text), Step::kEnd) << text;
    for (std::size_t i = 0; i < text.size(); ++i) {
      EXPECT_EQ(scan(text.substr(0, i)), Step::kMore) << text.substr(0, i);
    }
  }
}

TEST(JsonScannerTest, ANumberAtTheTopEndsBeforeWhatFollows) {
  EXPECT_EQ(scan("-12"), Step::kMore);
  EXPECT_EQ(scan("-12,"), Step::kEndBefore);
  EXPECT_EQ(scan("0 "), Step::kEndBefore);
}

TEST(JsonScannerTest, WhatIsNoJsonIsBad) {
  for (const std::string_view text :
       {"{a",         "{,",    "{\"a\" 1", "{\"a\":1,}", "[1,]", "[1 2", "[}",   "{]",    "'a'",
        "tru ",       "[01",   "[-a",      "[1.",        "[1.x", "[1e",  "[1ex", "[1e+x", R"(["\x)",
        R"(["\u00g)", "[\"\n", "{1:2",     "]",          "}",    "+1",   ".5",   "{}x"}) {
    const bool unfinished = text == "[1." || text == "[1e";
    EXPECT_EQ(scan(text), unfinished ? Step::kMore : Step::kBad) << text;
  }
}

TEST(JsonScannerTest, NestingHasALimit) {
  EXPECT_EQ(scan(std::string(JsonScanner::kMaxDepth, '[')), Step::kMore);
  EXPECT_EQ(scan(std::string(JsonScanner::kMaxDepth + 1, '[')), Step::kBad);
}

// True when the value ends where `text` does.
bool is_value(std::string_view text) {
  JsonScanner scanner;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const Step step = scanner.take(text[i]); step != Step::kMore) {
      return step == Step::kEnd && i + 1 == text.size();
    }
  }
  return scanner.take(' ') == Step::kEndBefore;
}

TEST(JsonScannerTest, AgreesWithTheParserOnEveryShortTextOfSomeLetters) {
  const std::string letters = "{}[],:\"1-.e";
  std::string text(4, ' ');
  std::size_t count = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    count *= letters.size();
  }
  std::size_t valid = 0;
  for (std::size_t n = 0; n < count; ++n) {
    std::size_t rest = n;
    for (char& letter : text) {
      letter = letters[rest % letters.size()];
      rest /= letters.size();
    }
    const bool scanned = is_value(text);
    ASSERT_EQ(scanned, base::parse_json_if_valid(text).has_value()) << text;
    valid += scanned ? 1U : 0U;
  }
  EXPECT_GT(valid, 100U);
}

}  // namespace
}  // namespace hub::chat
