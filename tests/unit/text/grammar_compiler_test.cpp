#include "core/text/grammar_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/text/golden.h"
#include "tests/unit/text/grammar_walk.h"

namespace hub::text {
namespace {

using base::Error;
using base::ErrorCode;
using Kind = GrammarSpec::Kind;

class GrammarCompilerErrors : public testing::Test {
 protected:
  // What compiling throws: it must be kInvalidArgument.
  static std::string refusal(Kind kind, const std::string& text) {
    static const GrammarCompiler compiler(
        *Tokenizer::load(tokenizer_folder("split_style")), 1024, std::vector<int>{1});
    try {
      static_cast<void>(compiler.compile({.kind = kind, .text = text}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown for " << text.substr(0, 200);
    return "";
  }
};

TEST_F(GrammarCompilerErrors, ASchemaIsRefusedWithThePlaceInIt) {
  const auto schema = [](const std::string& text) { return refusal(Kind::kJsonSchema, text); };
  EXPECT_THAT(
      schema(R"({"type": "object")"),
      testing::AllOf(
          testing::StartsWith("the JSON schema cannot be used: "),
          testing::HasSubstr("line 1 column")));
  EXPECT_THAT(
      schema(R"({"properties": {"a": {"items": [1, {"type": "text"}]}, "b/c": {"type": "object",
               "properties": {"x~y": {"anyOf": [{"type": "null"}, {"type": "text"}]}}}}})"),
      testing::AllOf(testing::HasSubstr("#/properties/a")));
  EXPECT_EQ(
      schema(R"({"properties": {"b/c": {"type": "object",
               "properties": {"x~y": {"anyOf": [{"type": "null"}, {"type": "text"}]}}}}})"),
      "the JSON schema cannot be used: at #/properties/b~1c/properties/x~0y/anyOf/1: "
      "Invalid type: text");
  EXPECT_EQ(
      schema(R"({"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"k": {"not": {}}}}}})"),
      "the JSON schema cannot be used: at #/$defs/n/properties/k: "
      "keywords that are not supported: [\"not\"]");
  EXPECT_THAT(
      schema(R"({"properties": {"p": {"type": "string", "pattern": "a(b"}}})"),
      testing::AllOf(
          testing::HasSubstr("at #/properties/p: "), testing::HasSubstr("unclosed group")));
  EXPECT_THAT(
      schema(R"({"properties": {"p": {"type": "string", "format": "zip"}}})"),
      testing::HasSubstr("at #/properties/p: Unknown format: zip"));
  EXPECT_THAT(
      schema(R"({"type": "object", "properties": {"p": false}, "required": ["p"]})"),
      testing::HasSubstr("required property 'p' is unsatisfiable"));
  EXPECT_THAT(
      schema(R"({"items": {"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}})"),
      testing::AllOf(
          testing::HasSubstr("at #/items: oneOf"),
          testing::Not(testing::HasSubstr("coerce_one_of"))));
  for (const std::string text :
       {R"({"$ref": "https://example.org/schema.json"})",
        R"({"$ref": "#/$defs/none"})",
        R"({"type": "integer", "minimum": 3, "maximum": 2})",
        R"([1, 2])",
        R"(false)",
        R"("a string")",
        R"({"type": "object", "properties": 3})",
        R"({"type": "array", "minItems": -1})",
        ""}) {
    EXPECT_GT(schema(text).size(), 45U) << text;
  }
}

TEST_F(GrammarCompilerErrors, AnExpressionIsRefusedWithTheCharacterInIt) {
  const auto regex = [](const std::string& text) { return refusal(Kind::kRegex, text); };
  EXPECT_EQ(regex("ä(b"), "the regular expression cannot be used: at character 2: unclosed group");
  EXPECT_EQ(
      regex("ab\\"),
      "the regular expression cannot be used: at character 3: incomplete escape sequence, reached "
      "end of pattern prematurely");
  EXPECT_EQ(
      regex("foo\\bbar"),
      "the regular expression cannot be used: at character 4: \\b is not supported");
  EXPECT_THAT(regex("a(?=b)"), testing::HasSubstr("at character 2: look-around"));
  EXPECT_THAT(regex("(a)\\1"), testing::HasSubstr("at character 4: backreferences"));
  EXPECT_THAT(regex("a^b"), testing::HasSubstr("lookarounds not supported"));
  EXPECT_THAT(regex("\xff"), testing::HasSubstr("not UTF-8 from byte 0"));
}

TEST_F(GrammarCompilerErrors, ALarkGrammarIsRefusedWithTheLineInIt) {
  const auto lark = [](const std::string& text) { return refusal(Kind::kLark, text); };
  EXPECT_THAT(
      lark("start: a\na: \"x\" | (b\nb: \"y\""),
      testing::AllOf(
          testing::StartsWith("the grammar cannot be used: "),
          testing::HasSubstr("2(12): Expected token")));
  EXPECT_THAT(lark("start: missing"), testing::HasSubstr("missing"));
  EXPECT_THAT(lark("a: \"x\""), testing::HasSubstr("start"));
  EXPECT_THAT(lark("start: /a(/"), testing::HasSubstr("1("));
  EXPECT_GT(lark("").size(), 30U);
}

TEST_F(GrammarCompilerErrors, SpecialTokensCannotBePartOfAGrammar) {
  for (const std::string text :
       {"start: \"a\" <|eot_id|>",
        "start: \"a\" <[0]>",
        "start: \"a\" <[*]>",
        "start: \"a\" <[^1-3]>",
        "start: <|nobody_knows_it|>"}) {
    EXPECT_THAT(refusal(Kind::kLark, text), testing::HasSubstr("special tokens")) << text;
  }
}

std::string times(const std::string& part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += part;
  }
  return text;
}

TEST_F(GrammarCompilerErrors, WhatWouldTakeTooLongOrTooDeepIsRefused) {
  EXPECT_THAT(
      refusal(Kind::kRegex, times("a", (128U << 10U) + 1)),
      testing::HasSubstr("131073 bytes, at most 131072"));
  EXPECT_THAT(
      refusal(Kind::kLark, "start: " + times("(", 101) + "\"a\"" + times(")", 101)),
      testing::HasSubstr("at line 1: more than 100 brackets are open"));
  EXPECT_THAT(
      refusal(Kind::kRegex, times("(", 20000) + times(")", 20000)), testing::HasSubstr("nest"));
  EXPECT_THAT(
      refusal(Kind::kJsonSchema, times(R"({"items": )", 5000) + "{}" + times("}", 5000)),
      testing::HasSubstr("recursion limit"));
  std::string choices;
  for (int i = 0; i < 8; ++i) {
    const std::string option =
        R"({"properties": {"k)" + std::to_string(i) + R"(": {"const": 1}}},)";
    choices += R"({"anyOf": [)" + times(option, 8) + R"({"type": "null"}]},)";
  }
  EXPECT_THAT(
      refusal(Kind::kJsonSchema, R"({"allOf": [)" + choices + "{}]}"),
      testing::HasSubstr("schema too large"));
}

TEST_F(GrammarCompilerErrors, RemaindersAreBounded) {
  EXPECT_EQ(
      refusal(Kind::kJsonSchema, R"({"items": {"type": "integer", "multipleOf": 99999989}})"),
      "the JSON schema cannot be used: multipleOf 99999989 has, together with the others of this "
      "schema, more than 20000 remainders");
  EXPECT_THAT(
      refusal(
          Kind::kJsonSchema,
          R"({"allOf": [{"type": "integer", "multipleOf": 9973}, {"multipleOf": 9967}]})"),
      testing::HasSubstr("multipleOf 9967 has"));
  EXPECT_THAT(
      refusal(Kind::kJsonSchema, R"({"allOf": [{"multipleOf": 1e-300}, {"multipleOf": 1e300}]})"),
      testing::HasSubstr("more than 20000 remainders"));
  EXPECT_THAT(
      refusal(Kind::kJsonSchema, R"({"type": "integer", "multipleOf": 0})"),
      testing::HasSubstr("multipleOf 0 is not possible"));
  EXPECT_THAT(
      refusal(
          Kind::kLark, "start: \"a\"\n | %json {\"type\": \"integer\", \"multipleOf\": 99999989}"),
      testing::HasSubstr("in the schema at line 2: multipleOf 99999989"));
}

TEST_F(GrammarCompilerErrors, AnAnswerThatCannotBeginIsRefused) {
  EXPECT_EQ(
      refusal(Kind::kLark, "start: a\na: a \"x\""),
      "the grammar cannot be used: no answer can begin: no token of the model can come next");
}

// Texts that are large but may be used: each ends with a grammar or an Error, not the process.
TEST_F(GrammarCompilerErrors, DeepChainsEndWithAnAnswer) {
  std::string rules = "start: r0\n";
  std::string terminals = "start: T0\n";
  std::string definitions;
  for (int i = 0; i < 6000; ++i) {
    rules += "r" + std::to_string(i) + ": r" + std::to_string(i + 1) + "\n";
    terminals += "T" + std::to_string(i) + ": T" + std::to_string(i + 1) + "\n";
    if (i < 2000) {
      definitions += "\"d" + std::to_string(i) + R"(": {"type": "object", "$ref": "#/$defs/d)" +
                     std::to_string(i + 1) + "\"},";
    }
  }
  const GrammarCompiler compiler(
      *Tokenizer::load(tokenizer_folder("split_style")), 1024, std::vector<int>{1});
  const std::vector<GrammarSpec> specs = {
      {.kind = Kind::kLark, .text = rules + "r6000: \"x\""},
      {.kind = Kind::kLark, .text = terminals + "T6000: \"x\""},
      {.kind = Kind::kJsonSchema,
       .text = R"({"$ref": "#/$defs/d0", "$defs": {)" + definitions +
               R"("d2000": {"properties": {"a": {"type": "integer"}}}}})"}};
  for (const GrammarSpec& spec : specs) {
    try {
      GrammarState state(*compiler.compile(spec));
      std::vector<std::uint32_t> mask(32);
      state.fill_mask(mask);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

ErrorCode construction(const std::string& tokenizer, int logits, const std::vector<int>& ends) {
  try {
    const GrammarCompiler compiler(*Tokenizer::load(tokenizer_folder(tokenizer)), logits, ends);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(GrammarCompiler, WrongWidthsAndEndsAreRefused) {
  EXPECT_EQ(construction("split_style", 1024, {}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(construction("split_style", 1024, {1024}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(construction("split_style", 1024, {1, -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(construction("split_style", 0, {1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(construction("split_style", -5, {1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(construction("split_style", 1 << 24, {1}), ErrorCode::kInvalidArgument);
}

TEST(GrammarCompiler, ATokenizerWhoseTokensHaveNoBytesIsRefused) {
  const TempFolder folder;
  for (const std::string decoder :
       {R"({"type":"WordPiece","prefix":"##","cleanup":true})", "null"}) {
    folder.write(
        "tokenizer.json",
        R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,)"
        R"("pre_tokenizer":null,"post_processor":null,"decoder":)" +
            decoder +
            R"(,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
            R"("max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##b":2}}})");
    const auto tokenizer = Tokenizer::load(folder.path());
    try {
      const GrammarCompiler compiler(*tokenizer, 3, std::vector<int>{0});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnprocessable);
      EXPECT_THAT(error.what(), testing::HasSubstr("no pieces of text"));
    }
  }
}

TEST(GrammarCompiler, TheModelMayHaveMoreOrFewerLogitsThanTheTokenizerHasTokens) {
  const auto tokenizer = Tokenizer::load(default_model());
  for (const int logits : {40000, 49152, 50000}) {
    const GrammarModel model{.tokenizer = tokenizer, .logits = logits, .ends = {2}};
    const GrammarState fresh(
        *model.compiler.compile({.kind = Kind::kRegex, .text = "[a-z ]{3,40}"}));
    GrammarWalk walk(model, fresh, 3);
    EXPECT_TRUE(walk.run([&](GrammarState&, const auto& mask) {
      EXPECT_LT(tokens_of(mask).back(), std::min(logits, 49152));
    }));
    EXPECT_GE(walk.text().size(), 3U);
  }
}

TEST(GrammarCompiler, KeepsTheGrammarsThatWereAskedForLast) {
  const GrammarCompiler compiler(
      *Tokenizer::load(tokenizer_folder("split_style")), 1024, std::vector<int>{1});
  const auto get = [&](std::size_t number) {
    return compiler.compile({.kind = Kind::kRegex, .text = std::to_string(number)});
  };
  const auto first = get(0);
  const auto second = get(1);
  EXPECT_EQ(get(0), first);
  EXPECT_NE(compiler.compile({.kind = Kind::kJsonObject, .text = "0"}), first);
  // As many others as are kept, but one: only the one that was not asked for again is gone.
  for (std::size_t number = 2; number < GrammarCompiler::kKept; ++number) {
    static_cast<void>(get(number));
  }
  EXPECT_EQ(get(0), first);
  EXPECT_NE(get(1), second);
}

}  // namespace
}  // namespace hub::text
