#include "core/chat/chat_prompt.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/chat/chat_style.h"
#include "tests/unit/chat/answers.h"
#include "tests/unit/text/golden.h"

namespace hub::chat {
namespace {

using base::Json;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const text::ChatTemplate> template_of(const std::string& source) {
  const text::TempFolder folder;
  folder.write("chat_template.jinja", source);
  return text::ChatTemplate::load(folder.path());
}

std::shared_ptr<const text::ChatTemplate> golden(const std::string& name) {
  const text::TempFolder folder;
  folder.write(
      "chat_template.jinja",
      base::read_file(text::golden_folder() / "templates" / (name + ".jinja")));
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  return text::ChatTemplate::load(folder.path());
}

// Knows no tools; has <think> in its end when asked.
constexpr const char* kPlain =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    "{% if think %}<think>\n{% endif %}";
constexpr const char* kNoSystem =
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif "
    "%}[{{ m.role }}]{{ m.content }}{% endfor %}";

class ChatPromptTest : public testing::Test {
 protected:
  ChatPrompt prompt(const std::shared_ptr<const text::ChatTemplate>& chat_template) const {
    return make_prompt(
        *chat_template,
        style_of(*chat_template),
        {.messages = messages_,
         .tools = tools_,
         .choice = choice_,
         .template_kwargs = &kwargs_,
         .answer_grammar = answer_,
         .parse_reasoning = parse_reasoning_});
  }

  Json messages_ = {{{"role", "user"}, {"content", "Weather?"}}};
  std::vector<Tool> tools_ = tools();
  ToolChoice choice_;
  Json kwargs_ = Json::object();
  std::optional<text::GrammarSpec> answer_;
  bool parse_reasoning_ = true;
};

TEST_F(ChatPromptTest, StylesOfTemplates) {
  const ChatStyle hermes = style_of(*golden("chatml_tools"));
  EXPECT_EQ(hermes.form, CallForm::kHermes);
  EXPECT_TRUE(hermes.knows_tools);
  EXPECT_TRUE(hermes.thinks);
  const ChatStyle plain = style_of(*text::ChatTemplate::load(text::default_model()));
  EXPECT_EQ(plain.form, CallForm::kGeneric);
  EXPECT_FALSE(plain.knows_tools);
  EXPECT_FALSE(plain.thinks);
  // One that cannot be tried out is read.
  EXPECT_TRUE(style_of(*template_of("{{ tools }}{{ raise_exception('never') }}")).knows_tools);
  EXPECT_FALSE(style_of(*template_of("{{ raise_exception('never') }}")).knows_tools);
}

TEST_F(ChatPromptTest, ATemplateThatKnowsToolsGetsThem) {
  const ChatPrompt made = prompt(golden("chatml_tools"));
  EXPECT_THAT(
      made.text,
      HasSubstr(R"({"type": "function", "function": {"name": "get_weather", "parameters": )"));
  EXPECT_THAT(
      made.text,
      HasSubstr(R"({"name": "noop", "parameters": {"type": "object", "properties": {}}})"));
  EXPECT_EQ(made.shape.form, CallForm::kHermes);
  EXPECT_EQ(made.shape.tools.size(), 2U);
  EXPECT_FALSE(made.grammar);
}

TEST_F(ChatPromptTest, OneThatKnowsNoneGetsASystemMessage) {
  ChatPrompt made = prompt(template_of(kPlain));
  EXPECT_THAT(made.text, testing::StartsWith("[system]You can call these functions:\n{\"name\":"));
  EXPECT_THAT(made.text, HasSubstr("Where no function is needed, answer in plain text.[user]"));
  EXPECT_EQ(made.shape.form, CallForm::kGeneric);
  messages_.insert(messages_.begin(), Json{{"role", "system"}, {"content", "Be kind."}});
  made = prompt(template_of(kPlain));
  EXPECT_THAT(made.text, testing::StartsWith("[system]Be kind.\n\nYou can call"));
}

TEST_F(ChatPromptTest, WithoutASystemRoleTheInstructionsComeBeforeTheUsersText) {
  const ChatPrompt made = prompt(template_of(kNoSystem));
  EXPECT_THAT(made.text, testing::StartsWith("[user]You can call these functions:\n"));
  EXPECT_THAT(made.text, testing::EndsWith("plain text.\n\nWeather?"));
  messages_.insert(messages_.begin(), Json{{"role", "system"}, {"content", "Be kind."}});
  EXPECT_THROW(prompt(template_of(kNoSystem)), base::Error);
}

TEST_F(ChatPromptTest, CallsAndResultsAreTextWhereTheTemplateKnowsNone) {
  messages_.push_back(
      {{"role", "assistant"},
       {"content", "Sure."},
       {"tool_calls",
        {{{"id", "call_1"},
          {"type", "function"},
          {"function", {{"name", "get_weather"}, {"arguments", R"({"city": "Rome"})"}}}}}}});
  messages_.push_back({{"role", "tool"}, {"tool_call_id", "call_1"}, {"content", "21"}});
  messages_.push_back({{"role", "tool"}, {"tool_call_id", "call_2"}, {"content", "22"}});
  const ChatPrompt made = prompt(template_of(kPlain));
  EXPECT_THAT(
      made.text,
      HasSubstr(
          "[assistant]Sure.\n"
          R"({"tool_calls":[{"name":"get_weather","arguments":{"city":"Rome"}}]})"
          "[user]Result of get_weather:\n21\n\nResult of the function:\n22[assistant]"));
}

TEST_F(ChatPromptTest, NoToolsAreTextAsEver) {
  tools_.clear();
  const ChatPrompt made = prompt(template_of(kPlain));
  EXPECT_EQ(made.text, "[user]Weather?[assistant]");
  EXPECT_TRUE(made.shape.tools.empty());
}

TEST_F(ChatPromptTest, AChoiceOfNoneNamesNoTools) {
  choice_.kind = ToolChoice::Kind::kNone;
  EXPECT_EQ(prompt(template_of(kPlain)).text, "[user]Weather?[assistant]");
  const ChatPrompt made = prompt(golden("chatml_tools"));
  EXPECT_THAT(made.text, Not(HasSubstr("get_weather")));
  EXPECT_TRUE(made.shape.tools.empty());
}

TEST_F(ChatPromptTest, AllowedToolsAreThoseThatAreShown) {
  choice_.names = {"noop"};
  const ChatPrompt made = prompt(golden("chatml_tools"));
  EXPECT_THAT(made.text, Not(HasSubstr("get_weather")));
  ASSERT_EQ(made.shape.tools.size(), 1U);
  EXPECT_EQ(made.shape.tools[0].name, "noop");
}

TEST_F(ChatPromptTest, ARequiredChoiceHasAGrammarOfItsTools) {
  choice_ = {.kind = ToolChoice::Kind::kRequired, .names = {"noop"}};
  const ChatPrompt made = prompt(golden("chatml_tools"));
  EXPECT_THAT(
      made.text, HasSubstr("get_weather"));  // what may be called does not change the prompt
  ASSERT_TRUE(made.grammar);
  EXPECT_THAT(made.grammar->text, Not(HasSubstr("get_weather")));
  EXPECT_THAT(prompt(template_of(kPlain)).text, HasSubstr("You must call a function now."));
}

TEST_F(ChatPromptTest, StrictToolsHaveAGrammarThatLeavesTextFree) {
  tools_[0].strict = true;
  EXPECT_THAT(prompt(golden("chatml_tools")).grammar->text, HasSubstr("PLAIN"));
}

TEST_F(ChatPromptTest, AMistralPromptEndsWithTheMarkThatItsGrammarCannotSay) {
  choice_.kind = ToolChoice::Kind::kRequired;
  const ChatPrompt made = prompt(
      template_of("{{ tools }}{% if false %}[TOOL_CALLS]{% endif %}{{ messages[0].content }}"));
  EXPECT_TRUE(made.text.ends_with("[TOOL_CALLS]"));
  EXPECT_TRUE(made.shape.prompt_opens_call);
}

TEST_F(ChatPromptTest, AnAnswersFormatAndTools) {
  answer_ = text::GrammarSpec{.kind = text::GrammarSpec::Kind::kJsonObject, .text = {}};
  EXPECT_THAT(prompt(golden("chatml_tools")).grammar->text, HasSubstr("(calls | answer)"));
  try {
    prompt(template_of(kPlain));
    FAIL() << "taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param(), "response_format");
  }
  choice_.kind = ToolChoice::Kind::kNone;
  EXPECT_EQ(prompt(template_of(kPlain)).grammar, answer_);
}

TEST_F(ChatPromptTest, KnowsWhetherThePromptOpensThinking) {
  tools_.clear();
  EXPECT_FALSE(prompt(template_of(kPlain)).shape.thinks);
  kwargs_ = {{"think", true}};
  const ChatPrompt made = prompt(template_of(kPlain));
  EXPECT_TRUE(made.shape.thinks);
  EXPECT_TRUE(made.shape.prompt_opens_think);
  parse_reasoning_ = false;
  EXPECT_FALSE(prompt(template_of(kPlain)).shape.thinks);
}

}  // namespace
}  // namespace hub::chat
