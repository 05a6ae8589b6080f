#include "api/llama_cpp/gbnf.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::api {
namespace {

std::string refused(std::string_view gbnf) {
  try {
    return "accepted: " + lark_from_gbnf(gbnf, "grammar");
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param(), "grammar");
    return error.what();
  }
}

TEST(Gbnf, EveryTerminalIsOneCharacter) {
  EXPECT_EQ(
      lark_from_gbnf("root ::= \"ab\\n\\\"\"", "g"), "start: (\"a\" \"b\" \"\\n\" \"\\\"\")\n");
  EXPECT_EQ(
      lark_from_gbnf("root ::= [a-z_] [^0-9\\n] .", "g"),
      "start: /[a-z\\x5f]/ /[^0-9\\n]/ /(.|\\n)/\n");
  EXPECT_EQ(lark_from_gbnf("root ::= \"\\u00e9\\x41é\"", "g"), "start: (\"é\" \"A\" \"é\")\n");
  EXPECT_EQ(lark_from_gbnf("root ::= \"\"", "g"), "start: \"\"\n");
}

TEST(Gbnf, RulesOverLines) {
  EXPECT_EQ(
      lark_from_gbnf(
          "# A list\n"
          "root ::= item (\",\" item)*  # more\n"
          "\n"
          "item-name ::= [a-z]+ |\n"
          "  (\"x\"\n  \"y\")? |\n"
          "item ::= item-name{2} \"a\"{1,} \"b\"{,3} \"c\"{2,4}\r\n",
          "g"),
      "r2: r3{2,2} (\"a\"){1,} (\"b\"){0,3} (\"c\"){2,4}\n"
      "r3: /[a-z]/+ | ((\"x\") (\"y\"))? | \"\"\n"
      "start: r2 ((\",\") r2)*\n");
}

TEST(Gbnf, SaysWhereItIsWrong) {
  EXPECT_EQ(refused(""), "'grammar', line 1: a rule named \"root\" was wanted, there is none");
  EXPECT_EQ(
      refused("a ::= \"x\""), "'grammar', line 1: a rule named \"root\" was wanted, there is none");
  EXPECT_EQ(refused("root ::= a\n"), "'grammar', line 1: the rule \"a\" is not defined");
  EXPECT_EQ(
      refused("root ::= \"a\"\nroot ::= \"b\""),
      "'grammar', line 2: the rule \"root\" is defined twice");
  EXPECT_EQ(refused("root = \"a\""), "'grammar', line 1: \":\" was wanted, got \"=\"");
  EXPECT_EQ(refused("root ::= (\"a\""), "'grammar', line 1: \")\" was wanted, got the end");
  EXPECT_EQ(
      refused("root ::= \"a"), "'grammar', line 1: a literal or a class of characters has no end");
  EXPECT_EQ(refused("root ::= [b-a]"), "'grammar', line 1: the range b-a is empty");
  EXPECT_EQ(refused("root ::= []"), "'grammar', line 1: a class of characters is empty");
  EXPECT_EQ(refused("root ::= \"\\q\""), "'grammar', line 1: an escape was wanted, got \"q\"");
  EXPECT_EQ(refused("root ::= \"\\ud800\""), "'grammar', line 1: U+D800 is no character");
  EXPECT_EQ(
      refused("root ::= \"a\"{3,2}"), "'grammar', line 1: {3,2} repeats less often than at least");
  EXPECT_EQ(refused("root ::= \"a\"{2001}"), "'grammar', line 1: a number up to 2000 was wanted");
  EXPECT_EQ(
      refused("root ::= <[7]>"), "'grammar', line 1: tokens by their id or name are not supported");
  EXPECT_EQ(
      refused("root ::= \"a\" ]"), "'grammar', line 1: the end of the line was wanted, got \"]\"");
  EXPECT_EQ(
      refused("root ::= " + std::string(100, '(')),
      "'grammar', line 1: parentheses may lie 64 deep");
}

}  // namespace
}  // namespace hub::api
