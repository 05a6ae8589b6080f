#include "core/data/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace hub::data {
namespace {

TEST(Utf8, AcceptsEveryCharacterAndNothingBeyond) {
  for (unsigned code = 0; code < 0x120000; ++code) {
    std::string text;
    if (code < 0x80) {
      text = {static_cast<char>(code)};
    } else if (code < 0x800) {
      text = {static_cast<char>(0xC0 | (code >> 6U)), static_cast<char>(0x80 | (code & 0x3FU))};
    } else if (code < 0x10000) {
      text = {
          static_cast<char>(0xE0 | (code >> 12U)),
          static_cast<char>(0x80 | ((code >> 6U) & 0x3FU)),
          static_cast<char>(0x80 | (code & 0x3FU))};
    } else {
      text = {
          static_cast<char>(0xF0 | (code >> 18U)),
          static_cast<char>(0x80 | ((code >> 12U) & 0x3FU)),
          static_cast<char>(0x80 | ((code >> 6U) & 0x3FU)),
          static_cast<char>(0x80 | (code & 0x3FU))};
    }
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    ASSERT_EQ(!first_invalid_utf8("x" + text + "y"), !surrogate && code <= 0x10FFFF) << code;
  }
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_EQ(first_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("ab\xC0\xAF"), 2U);        // overlong
  EXPECT_EQ(first_invalid_utf8("\xE0\x80\xAF"), 0U);      // overlong
  EXPECT_EQ(first_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U);  // overlong
  EXPECT_EQ(first_invalid_utf8("a\x80"), 1U);             // continuation alone
  EXPECT_EQ(first_invalid_utf8("ab\xE4\xBD"), 2U);        // cut at the end
  EXPECT_EQ(first_invalid_utf8("\xE4\xBD\x41"), 0U);      // cut in the middle
  EXPECT_EQ(first_invalid_utf8("\xC3\xA4\xC3"), 2U);
  EXPECT_EQ(first_invalid_utf8("\xF5\x80\x80\x80"), 0U);
}

}  // namespace
}  // namespace hub::data
