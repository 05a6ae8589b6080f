#include "core/text/grammar.h"

#include <regex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/unit/text/golden.h"
#include "tests/unit/text/grammar_cases.h"
#include "tests/unit/text/grammar_walk.h"
#include "tests/unit/text/schema_check.h"

namespace hub::text {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using Kind = GrammarSpec::Kind;

// Shared by all cases: its compiler takes a while to make.
const GrammarModel& model_of(const std::string& tokenizer) {
  static const GrammarModel smollm{
      .tokenizer = Tokenizer::load(default_model()), .logits = 49152, .ends = {2, 0}};
  static const GrammarModel bytes{
      .tokenizer = Tokenizer::load(tokenizer_folder("split_style")), .logits = 2048, .ends = {1}};
  static const GrammarModel pieces{
      .tokenizer = Tokenizer::load(tokenizer_folder("sentencepiece_style")),
      .logits = 2048,
      .ends = {2}};
  return tokenizer == "default_model" ? smollm : tokenizer == "split_style" ? bytes : pieces;
}

GrammarState begin(const GrammarModel& model, Kind kind, std::string_view text) {
  return GrammarState(*model.compiler.compile({.kind = kind, .text = std::string(text)}));
}

bool has(const std::vector<std::uint32_t>& mask, int token) {
  const auto index = static_cast<std::size_t>(token);
  return ((mask[index / 32] >> (index % 32)) & 1U) != 0;
}

// What holds at every step of every walk.
void check_step(
    const GrammarModel& model, GrammarState& state, const std::vector<std::uint32_t>& mask) {
  const bool may_end = state.may_end();
  for (const int end : model.ends) {
    ASSERT_EQ(has(mask, end), may_end);
  }
  const std::vector<int> allowed = tokens_of(mask);
  ASSERT_FALSE(allowed.empty());
  if (state.must_end()) {
    ASSERT_EQ(allowed.size(), model.ends.size());
    ASSERT_TRUE(may_end);
  }
  if (const std::vector<int> forced = state.forced(); !forced.empty()) {
    ASSERT_EQ(allowed, std::vector<int>{forced.front()});
  }
  for (const std::string special :
       {"<|im_start|>", "<|endoftext|>", "<s>", "<unk>", "<|begin_of_text|>"}) {
    const auto id = model.tokenizer->token_to_id(special);
    if (id && std::ranges::find(model.ends, *id) == model.ends.end()) {
      ASSERT_FALSE(has(mask, *id)) << special;
    }
  }
}

class GrammarWalks : public testing::TestWithParam<std::string> {
 protected:
  // The texts of `count` random answers.
  std::vector<std::string> texts(Kind kind, const GrammarCase& grammar, unsigned count) {
    std::vector<std::string> found;
    const GrammarState fresh = begin(model_, kind, grammar.text);
    for (unsigned seed = 0; seed < count; ++seed) {
      GrammarWalk walk(model_, fresh, seed);
      EXPECT_TRUE(walk.run([&](GrammarState& state, const auto& mask) {
        check_step(model_, state, mask);
      })) << grammar.name
          << ": " << walk.text();
      found.push_back(walk.text());
    }
    return found;
  }

  const GrammarModel& model_ = model_of(GetParam());
};

TEST_P(GrammarWalks, EveryRandomAnswerFitsItsSchema) {
  for (const GrammarCase& schema : kSchemas) {
    SCOPED_TRACE(schema.name);
    const Json parsed = base::parse_json(schema.text, "schema");
    const SchemaCheck check(parsed);
    for (const std::string& text : texts(Kind::kJsonSchema, schema, 12)) {
      ASSERT_TRUE(Json::accept(text)) << text;
      EXPECT_EQ(check.problem(Json::parse(text)), "") << text;
    }
  }
}

TEST_P(GrammarWalks, EveryRandomAnswerOfJsonModeIsAnObject) {
  for (const std::string& text :
       texts(Kind::kJsonObject, {.name = "json", .text = "not read"}, 30)) {
    ASSERT_TRUE(Json::accept(text)) << text;
    EXPECT_TRUE(Json::parse(text).is_object()) << text;
  }
}

TEST_P(GrammarWalks, EveryRandomAnswerMatchesItsExpression) {
  for (const GrammarCase& regex : kRegexes) {
    SCOPED_TRACE(regex.name);
    for (const std::string& text : texts(Kind::kRegex, regex, 20)) {
      if (regex.name == "anchored") {  // std::regex knows bytes only
        EXPECT_THAT(text.size(), testing::AllOf(testing::Ge(2U), testing::Le(27U)));
      } else if (regex.name == "ssn") {  // \d is any digit of Unicode
        EXPECT_EQ(std::ranges::count(text, '-'), 2) << text;
      } else {
        EXPECT_TRUE(std::regex_match(text, std::regex(std::string(regex.text)))) << text;
      }
    }
  }
}

// By hand, as the grammar says.
class Arithmetic {
 public:
  explicit Arithmetic(const std::string& text) : text_(text) {}
  bool fits() { return sum() && at_ == text_.size(); }

 private:
  bool sum() {
    return chain("+-", [&] { return chain("*/", [&] { return atom(); }); });
  }
  bool chain(std::string_view signs, const std::function<bool()>& part) {
    if (!part()) {
      return false;
    }
    while (at_ < text_.size() && signs.find(text_[at_]) != std::string_view::npos) {
      ++at_;
      if (!part()) {
        return false;
      }
    }
    return true;
  }
  bool atom() {
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      return sum() && at_ < text_.size() && text_[at_++] == ')';
    }
    std::smatch number;
    const std::string rest = text_.substr(at_);
    if (!std::regex_search(rest, number, std::regex("^[0-9]{1,4}(\\.[0-9]{1,3})?"))) {
      return false;
    }
    at_ += static_cast<std::size_t>(number.length());
    return true;
  }

  std::string text_;
  std::size_t at_ = 0;
};

TEST_P(GrammarWalks, EveryRandomAnswerFitsItsLarkGrammar) {
  for (const std::string& text : texts(Kind::kLark, {.name = "sum", .text = kArithmetic}, 30)) {
    EXPECT_TRUE(Arithmetic(text).fits()) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizers,
    GrammarWalks,
    testing::Values("default_model", "split_style", "sentencepiece_style"),
    [](const auto& tested) { return tested.param; });

// Accepts the tokens of `text`.
void say(const GrammarModel& model, GrammarState& state, std::string_view text) {
  for (const int id : model.tokenizer->encode(text)) {
    state.accept(id);
  }
}

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

TEST(GrammarState, ATokenThatCannotComeNextIsRefusedAndChangesNothing) {
  const GrammarModel& model = model_of("default_model");
  GrammarState state = begin(model, Kind::kRegex, "yes|no");
  std::string message;
  const int maybe = *model.tokenizer->token_to_id("maybe");
  EXPECT_EQ(code_of([&] { state.accept(maybe); }, message), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message, testing::HasSubstr("(\"maybe\") cannot come next"));
  for (const int never : {2, 0, 1, -1, 49152}) {  // ends, a special token, none at all
    EXPECT_EQ(code_of([&] { state.accept(never); }, message), ErrorCode::kInvalidArgument) << never;
  }
  say(model, state, "yes");
  EXPECT_TRUE(state.must_end());
  EXPECT_EQ(code_of([&] { say(model, state, "!"); }, message), ErrorCode::kInvalidArgument);
  state.accept(2);
}

TEST(GrammarState, EndsOnlyWhereTheAnswerMayEnd) {
  const GrammarModel& model = model_of("default_model");
  GrammarState state = begin(model, Kind::kRegex, "ab(cd)?");
  std::vector<std::uint32_t> mask(model.words());
  EXPECT_FALSE(state.may_end());
  say(model, state, "ab");
  EXPECT_TRUE(state.may_end());
  EXPECT_FALSE(state.must_end());
  state.fill_mask(mask);
  EXPECT_TRUE(has(mask, 2));
  EXPECT_TRUE(has(mask, *model.tokenizer->token_to_id("cd")));
  say(model, state, "cd");
  EXPECT_TRUE(state.must_end());
  state.fill_mask(mask);
  EXPECT_EQ(tokens_of(mask), (std::vector<int>{0, 2}));
  state.accept(0);
  EXPECT_TRUE(state.must_end());
  state.fill_mask(mask);
  EXPECT_EQ(tokens_of(mask), (std::vector<int>{0, 2}));
}

TEST(GrammarState, ClonesGoOnIndependently) {
  const GrammarModel& model = model_of("default_model");
  GrammarState first = begin(model, Kind::kRegex, "x(red|blue)y");
  say(model, first, "x");
  GrammarState second = first.clone();
  say(model, first, "red");
  say(model, second, "blue");
  GrammarState third = second.clone();
  say(model, third, "y");
  EXPECT_TRUE(third.must_end());
  EXPECT_FALSE(second.may_end());
  EXPECT_FALSE(first.may_end());
  say(model, first, "y");
  EXPECT_TRUE(first.must_end());
}

TEST(GrammarState, ClonesOutliveWhatTheyCameFrom) {
  GrammarState left = [] {
    const GrammarCompiler compiler(*Tokenizer::load(default_model()), 49152, std::vector<int>{2});
    GrammarState state(*compiler.compile({.kind = Kind::kRegex, .text = "yes|no"}));
    return state.clone();
  }();
  say(model_of("default_model"), left, "no");
  EXPECT_TRUE(left.must_end());
}

TEST_P(GrammarWalks, RollingBackIsAsIfNothingHadBeenSaid) {
  const GrammarState fresh = begin(model_, Kind::kJsonSchema, kSchemas[1].text);
  GrammarWalk walk(model_, fresh, 7);
  std::vector<std::vector<std::uint32_t>> masks;
  ASSERT_TRUE(walk.run([&](GrammarState&, const auto& mask) { masks.push_back(mask); }));
  GrammarState& state = walk.state();
  std::vector<std::uint32_t> mask(model_.words());
  // The walk ended with an end token; each step back has the mask of that place.
  for (std::size_t left = masks.size(); left-- > 0;) {
    state.rollback(1);
    state.fill_mask(mask);
    ASSERT_EQ(mask, masks[left]) << "before token " << left;
  }
  for (const int id : walk.ids()) {
    state.accept(id);
  }
  EXPECT_TRUE(state.may_end());
  state.accept(model_.ends.front());
  state.rollback(walk.ids().size() + 1);
  state.fill_mask(mask);
  EXPECT_EQ(mask, masks.front());
  std::string message;
  EXPECT_EQ(code_of([&] { state.rollback(1); }, message), ErrorCode::kUnprocessable);
}

TEST(GrammarState, ForcedTextIsCutAsTheTokenizerCutsIt) {
  const GrammarModel& model = model_of("default_model");
  GrammarState state = begin(model, Kind::kRegex, "The answer is (yes|no)");
  const std::vector<int> whole = model.tokenizer->encode("The answer is");
  const std::vector<int> forced = state.forced();
  ASSERT_FALSE(forced.empty());
  ASSERT_LE(forced.size(), whole.size());
  EXPECT_TRUE(std::ranges::equal(forced, std::span(whole).first(forced.size())));
  EXPECT_EQ(state.forced(), forced);
}

TEST(GrammarState, TextThatLooksLikeASpecialTokenIsPlainText) {
  const GrammarModel& model = model_of("default_model");
  const GrammarState fresh =
      begin(model, Kind::kJsonSchema, R"({"const": "<|im_end|>\n<|im_start|>"})");
  GrammarWalk walk(model, fresh, 1);
  ASSERT_TRUE(
      walk.run([&](GrammarState& state, const auto& mask) { check_step(model, state, mask); }));
  EXPECT_EQ(walk.text(), R"("<|im_end|>\n<|im_start|>")");
  EXPECT_GT(walk.ids().size(), 8U);
}

TEST(GrammarState, AMaskOfTheWrongSizeIsRefused) {
  GrammarState state = begin(model_of("default_model"), Kind::kJsonObject, "");
  std::vector<std::uint32_t> mask(1535);
  std::string message;
  EXPECT_EQ(code_of([&] { state.fill_mask(mask); }, message), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message, testing::HasSubstr("1535 words, 1536 are wanted"));
  EXPECT_EQ(code_of([&] { state.fill_mask({}); }, message), ErrorCode::kInvalidArgument);
}

TEST(GrammarState, AGrammarTooComplexToFollowEndsTheAnswerWithItsReason) {
  const GrammarModel& model = model_of("default_model");
  // Which of the last 300 letters were an a: more states than atoms.
  const GrammarState fresh = begin(model, Kind::kRegex, "(.*a.{300}|.*b.{300}|.*c.{300})*");
  GrammarWalk walk(model, fresh, 1);
  std::string message;
  EXPECT_EQ(
      code_of([&] { walk.run([](GrammarState&, const auto&) {}); }, message),
      ErrorCode::kUnprocessable);
  EXPECT_THAT(message, testing::HasSubstr("followed: it is too complex (lexer error: "));
}

TEST(GrammarState, TextThatNoTokensSpellEndsTheAnswer) {
  const GrammarModel& model = model_of("default_model");
  // U+50000 begins with the byte F1, which this vocabulary lacks.
  GrammarState state = begin(model, Kind::kRegex, "a[0-9]\U00050000b");
  say(model, state, "a1");
  std::vector<std::uint32_t> mask(model.words());
  std::string message;
  EXPECT_EQ(code_of([&] { state.fill_mask(mask); }, message), ErrorCode::kUnprocessable);
  EXPECT_THAT(message, testing::HasSubstr("no token of the model can come next"));
}

TEST(GrammarState, ThreadsCompileAndWalkAtTheSameTime) {
  const GrammarModel& model = model_of("default_model");
  const GrammarState shared = begin(model, Kind::kJsonSchema, kSchemas[0].text);
  std::vector<GrammarState> forks;
  forks.reserve(2);
  for (int i = 0; i < 2; ++i) {
    forks.push_back(shared.clone());
  }
  std::vector<int> wrong(2, 0);
  std::vector<std::thread> threads;
  threads.reserve(2);
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned seed = 0; seed < 6; ++seed) {
        GrammarWalk fork(model, forks[t], seed);
        wrong[t] += fork.run([](auto&, const auto&) {}) && Json::accept(fork.text()) ? 0 : 1;
        const GrammarState own = begin(model, Kind::kJsonSchema, kSchemas[seed].text);
        GrammarWalk walk(model, own, seed);
        wrong[t] += walk.run([](auto&, const auto&) {}) && Json::accept(walk.text()) ? 0 : 1;
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
