#include "core/chat/tool_grammar.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/lenient_json.h"
#include "tests/unit/chat/answers.h"
#include "tests/unit/text/golden.h"
#include "tests/unit/text/grammar_walk.h"

namespace hub::chat {
namespace {

using base::Json;
using text::GrammarSpec;

const text::GrammarModel& model() {
  static const text::GrammarModel smollm{
      .tokenizer = text::Tokenizer::load(text::default_model()), .logits = 49152, .ends = {2, 0}};
  return smollm;
}

// A small vocabulary, for walks of many steps.
const text::GrammarModel& small_model() {
  static const text::GrammarModel bytes{
      .tokenizer = text::Tokenizer::load(text::tokenizer_folder("split_style")),
      .logits = 2048,
      .ends = {1}};
  return bytes;
}

// True when an answer of exactly this text is one of the grammar's.
bool accepts(const GrammarSpec& spec, std::string_view answer) {
  text::GrammarState state(*model().compiler.compile(spec));
  try {
    for (const int token : model().tokenizer->encode(answer)) {
      state.accept(token);
    }
  } catch (const base::Error&) {
    return false;
  }
  return state.may_end();
}

std::vector<Tool> two_tools() {
  return {
      tool(
          "get_weather",
          {{"type", "object"},
           {"properties",
            {{"city", {{"type", "string"}, {"maxLength", 5}}},
             {"days", {{"$ref", "#/$defs/days"}}},
             {"unit", {{"enum", {"C", "F"}}, {"type", "string"}}}}},
           {"required", {"city", "days"}},
           {"additionalProperties", false},
           {"$defs", {{"days", {{"type", "integer"}, {"minimum", 1}, {"maximum", 9}}}}}}),
      tool("noop")};
}

constexpr std::string_view kHermes =
    "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": "
    "3}}\n</tool_call>";
constexpr std::string_view kXml =
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nPa</p>ris\n</parameter>\n"
    "<parameter=days>\n3\n</parameter>\n<parameter=unit>\nC\n</parameter>\n</function>\n</"
    "tool_call>";

std::string_view example(CallForm form) {
  switch (form) {
    case CallForm::kHermes:
      return kHermes;
    case CallForm::kQwenXml:
      return kXml;
    case CallForm::kLlama:
      return R"({"name": "get_weather", "parameters": {"city": "Paris", "days": 3}})";
    case CallForm::kMistral:
      return R"([{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}])";
    case CallForm::kFunctionGemma:
    case CallForm::kGemma4:
    case CallForm::kGeneric:
      break;
  }
  return R"({"tool_calls": [{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}]})";
}

constexpr std::array kForms = {
    CallForm::kHermes,
    CallForm::kQwenXml,
    CallForm::kLlama,
    CallForm::kMistral,
    CallForm::kFunctionGemma,
    CallForm::kGemma4,
    CallForm::kGeneric};

class ToolGrammarTest : public testing::TestWithParam<CallForm> {
 protected:
  static void expect_fits(const std::string& name, const Json& arguments) {
    if (name == "noop") {
      EXPECT_EQ(arguments, Json::object());
      return;
    }
    ASSERT_EQ(name, "get_weather");
    ASSERT_TRUE(arguments.contains("city") && arguments["days"].is_number_integer()) << arguments;
    EXPECT_GE(arguments["days"].get<int>(), 1);
    EXPECT_LE(arguments["days"].get<int>(), 9);
    for (const auto& [key, value] : arguments.items()) {
      EXPECT_TRUE(key == "city" || key == "days" || value == "C" || value == "F") << arguments;
    }
  }
};

TEST_P(ToolGrammarTest, EveryRequiredAnswerIsCallsThatFitTheirSchemas) {
  const std::vector<Tool> tools = two_tools();
  for (const bool parallel : {true, false}) {
    const CallGrammar grammar = required_calls(GetParam(), tools, parallel, Lead::kNothing);
    const text::GrammarState begin(*small_model().compiler.compile(grammar.spec));
    int ended = 0;
    for (unsigned seed = 0; seed < 20; ++seed) {
      text::GrammarWalk walk(small_model(), begin, seed);
      if (!walk.run([](auto&, const auto&) {}, 500)) {
        continue;  // a long text
      }
      ++ended;
      const Parsed parsed = parse_pieces(
          {.form = grammar.form, .tools = tools, .prompt_opens_call = !grammar.prompt_end.empty()},
          {walk.text()});
      EXPECT_EQ(parsed.text, "") << walk.text();
      EXPECT_EQ(parsed.whole_calls, parsed.calls.size());
      EXPECT_GE(parsed.calls.size(), 1U) << walk.text();
      EXPECT_LE(parsed.calls.size(), parallel ? kMaxEnforcedCalls : 1U);
      for (const auto& [name, arguments] : parsed.calls) {
        const auto value = base::parse_json_if_valid(arguments);
        ASSERT_TRUE(value) << arguments;
        expect_fits(name, *value);
      }
    }
    EXPECT_GT(ended, 5);
  }
}

TEST_P(ToolGrammarTest, ACallAsItsFamilyWritesItIsAnAnswerAndTextIsNone) {
  const CallGrammar grammar = required_calls(GetParam(), two_tools(), true, Lead::kNothing);
  EXPECT_TRUE(accepts(grammar.spec, example(GetParam())));
  EXPECT_FALSE(accepts(grammar.spec, "Paris"));
  EXPECT_FALSE(accepts(grammar.spec, ""));
  EXPECT_FALSE(accepts(grammar.spec, std::string(example(GetParam())) + "\nOk"));
}

TEST_P(ToolGrammarTest, ReasoningMayComeFirst) {
  const std::string call(example(GetParam()));
  const CallGrammar may = required_calls(GetParam(), two_tools(), true, Lead::kMayThink);
  EXPECT_TRUE(accepts(may.spec, "<think>\nHm {}.\n</think>\n\n" + call));
  EXPECT_TRUE(accepts(may.spec, call));
  const CallGrammar does = required_calls(GetParam(), two_tools(), true, Lead::kThinking);
  EXPECT_TRUE(accepts(does.spec, "Hm.\n</think>\n\n" + call));
  EXPECT_FALSE(accepts(does.spec, "Hm.\n</think>"));
}

TEST_P(ToolGrammarTest, PossibleCallsLeaveTextFreeAndCallsNot) {
  const auto grammar = possible_calls(GetParam(), two_tools(), true, Lead::kNothing);
  if (!grammar) {
    EXPECT_TRUE(
        GetParam() == CallForm::kMistral || GetParam() == CallForm::kFunctionGemma ||
        GetParam() == CallForm::kGemma4);
    return;
  }
  EXPECT_TRUE(accepts(grammar->spec, "It is 5 < 6 in Paris.\n\n<b>Yes</b>"));
  EXPECT_TRUE(accepts(grammar->spec, ""));
  EXPECT_TRUE(accepts(grammar->spec, example(GetParam())));
  std::string wrong(example(GetParam()));
  wrong.replace(wrong.find('3'), 1, "x");
  EXPECT_FALSE(accepts(grammar->spec, wrong));
  if (GetParam() == CallForm::kHermes || GetParam() == CallForm::kQwenXml) {
    EXPECT_TRUE(accepts(grammar->spec, "Sure.\n" + std::string(example(GetParam()))));
    EXPECT_FALSE(accepts(grammar->spec, "Sure.\n" + wrong));
  }
}

TEST_P(ToolGrammarTest, CallsOrJson) {
  const GrammarSpec answer{
      .kind = GrammarSpec::Kind::kJsonSchema,
      .text = R"({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})"};
  const auto grammar = calls_or_json(GetParam(), two_tools(), true, Lead::kNothing, answer);
  const bool can = GetParam() == CallForm::kHermes || GetParam() == CallForm::kQwenXml;
  ASSERT_EQ(grammar.has_value(), can);
  if (can) {
    EXPECT_TRUE(accepts(grammar->spec, R"({"a": 1})"));
    EXPECT_TRUE(accepts(grammar->spec, example(GetParam())));
    EXPECT_FALSE(accepts(grammar->spec, R"({"a": "x"})"));
    EXPECT_FALSE(accepts(grammar->spec, "text"));
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, ToolGrammarTest, testing::ValuesIn(kForms), [](const auto& tested) {
  return std::string(to_string(tested.param));
});

TEST(ToolGrammarCasesTest, SeveralCallsOrOne) {
  const std::string two = std::string(kHermes) + "\n" + std::string(kHermes);
  EXPECT_TRUE(
      accepts(required_calls(CallForm::kHermes, two_tools(), true, Lead::kNothing).spec, two));
  EXPECT_FALSE(
      accepts(required_calls(CallForm::kHermes, two_tools(), false, Lead::kNothing).spec, two));
}

TEST(ToolGrammarCasesTest, AClientsOwnLayoutOptionsAreNotRead) {
  const Json schema = {
      {"type", "object"},
      {"properties", {{"a", {{"type", "integer"}}}, {"b", {{"type", "integer"}}}}},
      {"required", {"a", "b"}},
      {"x-guidance", {{"item_separator", ";"}}}};
  const CallGrammar grammar =
      required_calls(CallForm::kLlama, {tool("t", schema)}, true, Lead::kNothing);
  EXPECT_TRUE(accepts(grammar.spec, R"({"name": "t", "parameters": {"a": 1, "b": 2}})"));
}

TEST(ToolGrammarCasesTest, ASchemaThatCannotBeUsedIsFoundByItself) {
  const Tool bad = tool("t", {{"type", "object"}, {"properties", {{"a", {{"type", "nothing"}}}}}});
  EXPECT_THROW(static_cast<void>(model().compiler.compile(arguments_grammar(bad))), base::Error);
  EXPECT_THROW(
      static_cast<void>(model().compiler.compile(
          required_calls(CallForm::kHermes, {bad}, true, Lead::kNothing).spec)),
      base::Error);
}

}  // namespace
}  // namespace hub::chat
