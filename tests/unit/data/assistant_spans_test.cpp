#include "core/data/assistant_spans.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> covered(const RenderedChat& chat) {
  std::vector<std::string> texts;
  texts.reserve(chat.assistant.size());
  for (const TextSpan& span : chat.assistant) {
    texts.push_back(chat.text.substr(span.begin, span.end - span.begin));
  }
  return texts;
}

const Json kTwoTurns = Json::array(
    {message("system", "s"),
     message("user", "u1"),
     message("assistant", "a1"),
     message("user", "u2"),
     message("assistant", "a2")});

const Json kThinking = Json::array(
    {message("user", "u1"),
     message("assistant", "<think>\nt1\n</think>\n\na1"),
     message("user", "u2"),
     message("assistant", "<think>\nt2\n</think>\n\na2")});

TEST(AssistantSpans, CoverEveryTurnWithItsEnd) {
  const auto chat =
      render_chat(*text::ChatTemplate::load(text::default_model()), kTwoTurns, nullptr);
  EXPECT_THAT(covered(chat), ElementsAre("a1<|im_end|>\n", "a2<|im_end|>\n"));
  EXPECT_EQ(chat.problem, "");
}

TEST(AssistantSpans, AnswersThatRepeatTheQuestionAreFoundByPlaceNotByText) {
  const Json messages = Json::array({message("user", "same"), message("assistant", "same")});
  const auto chat =
      render_chat(*text::ChatTemplate::load(text::default_model()), messages, nullptr);
  ASSERT_EQ(chat.assistant.size(), 1U);
  EXPECT_EQ(chat.assistant[0].end, chat.text.size());
  EXPECT_EQ(chat.assistant[0].begin, chat.text.size() - std::string("same<|im_end|>\n").size());
}

TEST(AssistantSpans, OtherLayoutsAreUnderstoodToo) {
  EXPECT_THAT(
      covered(render_chat(*golden_template("headers"), kTwoTurns, nullptr)),
      ElementsAre("a1<|eot_id|>", "a2<|eot_id|>"));
  EXPECT_THAT(
      covered(render_chat(*golden_template("turns"), kTwoTurns, nullptr)),
      ElementsAre("a1<end_of_turn>\n", "a2<end_of_turn>\n"));
}

// The template writes the system text before a question that is the last message: it is in the
// prompts, not in the whole conversation.
TEST(AssistantSpans, WhenOnlyTheContentIsFoundThatIsReported) {
  const auto chat = render_chat(*golden_template("inst"), kTwoTurns, nullptr);
  EXPECT_THAT(covered(chat), ElementsAre("a1</s>", "a2</s>"));
  EXPECT_THAT(chat.problem, HasSubstr("messages[2] is trained only from its content on"));
}

TEST(AssistantSpans, ThinkingThatIsDroppedLaterDoesNotHideATurn) {
  const auto chat = render_chat(*golden_template("chatml_tools"), kThinking, nullptr);
  EXPECT_THAT(
      covered(chat), ElementsAre("a1<|im_end|>\n", "<think>\nt2\n</think>\n\na2<|im_end|>\n"));
  EXPECT_EQ(chat.problem, "");
}

TEST(AssistantSpans, AGenerationPromptMayGoFurtherThanTheConversation) {
  const auto chat = render_chat(*golden_template("think_prompt"), kTwoTurns, nullptr);
  EXPECT_THAT(covered(chat), ElementsAre("a1</s>", "a2</s>"));
}

TEST(AssistantSpans, ToolCallsAreTrainedAndToolAnswersAreNot) {
  const Json golden = text::read_golden("renders.json");
  const Json& conversation = golden["conversations"]["tools"];
  const auto chat = render_chat(
      *golden_template("chatml_tools"), conversation["messages"], &conversation["tools"]);
  EXPECT_THAT(
      covered(chat),
      ElementsAre(
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Köln\", \"days\": "
          "2}}\n</tool_call><|im_end|>\n",
          // The template writes an empty thought into the last answer: the model would, too.
          "<think>\n\n</think>\n\n21.5 degrees.<|im_end|>\n"));
  EXPECT_THAT(chat.text, HasSubstr("get_weather"));
}

TEST(AssistantSpans, AConversationMayBeginWithTheAssistant) {
  const auto source =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  const Json messages = Json::array({message("assistant", "first"), message("user", "u")});
  EXPECT_THAT(
      covered(render_chat(*template_of(source), messages, nullptr)),
      ElementsAre("first</assistant>"));
}

TEST(AssistantSpans, SeveralAnswersInARowAreSeparateTurns) {
  const Json messages =
      Json::array({message("user", "u"), message("assistant", "a1"), message("assistant", "a2")});
  const auto chat =
      render_chat(*text::ChatTemplate::load(text::default_model()), messages, nullptr);
  EXPECT_THAT(covered(chat), ElementsAre("a1<|im_end|>\n", "a2<|im_end|>\n"));
}

TEST(AssistantSpans, TurnsThatCannotBeFoundAreReported) {
  // Earlier turns come out reversed: neither their beginning nor their end can be followed.
  const auto source =
      "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}"
      "[{{ m.content | reverse }}]{% else %}<{{ m.role }}>{{ m.content }};{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  const auto chat = render_chat(*template_of(source), kTwoTurns, nullptr);
  EXPECT_THAT(covered(chat), ElementsAre("a2;"));
  EXPECT_THAT(chat.problem, HasSubstr("messages[2] is not trained"));
}

TEST(AssistantSpans, AConversationThatTheTemplateRefusesIsAnError) {
  const Json messages = Json::array({message("user", "a"), message("user", "b")});
  EXPECT_THAT(
      thrown_by([&] { render_chat(*golden_template("inst"), messages, nullptr); }).what(),
      HasSubstr("roles must alternate"));
}

}  // namespace
}  // namespace hub::data
