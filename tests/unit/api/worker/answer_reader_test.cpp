#include "api/worker/answer_reader.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "core/engine/stream_state.h"
#include "tests/support/default_model.h"

namespace hub::api {
namespace {

using engine::FinishReason;

class AnswerReaderTest : public testing::Test {
 protected:
  // A reader of an answer whose tokens have all come.
  AnswerReader reader_of(
      const std::string& text,
      std::optional<chat::AnswerShape> shape,
      FinishReason finish = FinishReason::kStop,
      const std::vector<std::string>& stop = {}) {
    for (const int token : tokenizer_->encode(text)) {
      state_->push({.token = token});
    }
    state_->push({.finish = finish});
    const std::vector<int> shown = shown_tokens(*tokenizer_, shape);
    return {
        engine::TextStream(engine::TokenStream(state_), tokenizer_, stop, shown), std::move(shape)};
  }

  struct Collected {
    chat::ChatAnswer answer;
    std::optional<FinishReason> finish;
    bool calls = false;
    int deltas = 0;
  };
  static Collected collect(AnswerReader& reader) {
    Collected result;
    while (const auto delta = reader.next()) {
      EXPECT_FALSE(result.finish.has_value()) << "a delta after the last one";
      for (const chat::ChatPiece& piece : delta->pieces) {
        result.answer.add(piece);
      }
      result.finish = delta->finish;
      result.calls = delta->calls;
      ++result.deltas;
    }
    return result;
  }

  static chat::AnswerShape hermes() {
    chat::AnswerShape shape{.form = chat::CallForm::kHermes};
    shape.tools.emplace_back().name = "noop";
    return shape;
  }

  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      text::Tokenizer::load(test::default_model_folder());
  std::shared_ptr<engine::StreamState> state_ = std::make_shared<engine::StreamState>();
  const std::string call_ = "<tool_call>{\"name\": \"noop\", \"arguments\": {}}</tool_call>";
};

TEST_F(AnswerReaderTest, PlainTextIsOnePieceADelta) {
  AnswerReader reader = reader_of("<think>x</think>" + call_, std::nullopt);
  const Collected collected = collect(reader);
  EXPECT_EQ(collected.answer.text, "<think>x</think>" + call_);
  EXPECT_FALSE(collected.calls);
  EXPECT_GT(collected.deltas, 5);
}

TEST_F(AnswerReaderTest, AnAnswerThatStopsBehindCallsIsOneOfCalls) {
  AnswerReader reader = reader_of("Sure. " + call_, hermes());
  const Collected collected = collect(reader);
  EXPECT_EQ(collected.answer.text, "Sure.");
  ASSERT_EQ(collected.answer.calls.size(), 1U);
  EXPECT_EQ(collected.finish, FinishReason::kStop);
  EXPECT_TRUE(collected.calls);
}

TEST_F(AnswerReaderTest, OneThatIsCutOffIsNot) {
  AnswerReader reader = reader_of(call_.substr(0, 50), hermes(), FinishReason::kLength);
  const Collected collected = collect(reader);
  ASSERT_EQ(collected.answer.calls.size(), 1U);
  EXPECT_EQ(collected.finish, FinishReason::kLength);
  EXPECT_FALSE(collected.calls);
}

TEST_F(AnswerReaderTest, ACallThatAStopStringCutsOffIsNotToBeMade) {
  for (const chat::CallForm form : {chat::CallForm::kHermes, chat::CallForm::kQwenXml}) {
    chat::AnswerShape shape = hermes();
    shape.form = form;
    const std::string call =
        form == chat::CallForm::kHermes
            ? "<tool_call>{\"name\": \"noop\", \"arguments\": {\"a\": \"END\"}}</tool_call>"
            : "<tool_call>\n<function=noop>\n<parameter=a>END</parameter></function>\n</tool_call>";
    state_ = std::make_shared<engine::StreamState>();
    AnswerReader cut_off = reader_of(call, shape, FinishReason::kStop, {"END"});
    const Collected broken = collect(cut_off);
    ASSERT_EQ(broken.answer.calls.size(), 1U);
    EXPECT_EQ(broken.finish, FinishReason::kStop);
    EXPECT_FALSE(broken.calls);
    state_ = std::make_shared<engine::StreamState>();
    AnswerReader behind = reader_of(call + " DONE", shape, FinishReason::kStop, {"DONE"});
    EXPECT_TRUE(collect(behind).calls) << "it was whole";
  }
}

TEST_F(AnswerReaderTest, WhereOneCallIsEnoughTheRequestEndsWithIt) {
  chat::AnswerShape one = hermes();
  one.parallel = false;
  AnswerReader reader = reader_of(call_ + call_ + " and much more", one);
  const Collected collected = collect(reader);
  EXPECT_EQ(collected.answer.calls.size(), 1U);
  EXPECT_EQ(collected.answer.text, "");
  EXPECT_TRUE(collected.calls);
  EXPECT_TRUE(state_->cancelled);
}

TEST_F(AnswerReaderTest, CountsTheTokensOfReasoning) {
  const chat::AnswerShape thinks{.thinks = true};
  AnswerReader reader = reader_of("<think>let me see</think>Paris is it.", thinks);
  const Collected collected = collect(reader);
  EXPECT_EQ(collected.answer.reasoning, "let me see");
  EXPECT_EQ(collected.answer.text, "Paris is it.");
  const auto tokens = [&](const std::string& text) {
    return static_cast<int>(tokenizer_->encode(text).size());
  };
  EXPECT_GE(reader.reasoning_tokens(), tokens("let me see"));
  EXPECT_LE(reader.reasoning_tokens(), tokens("<think>let me see</think>") + 1);
  EXPECT_LT(reader.reasoning_tokens(), reader.stream().completion_tokens());
}

// "<|im_start|>" is a special token of this tokenizer.
TEST_F(AnswerReaderTest, SpecialTokensAreShownWhereTheyAreMarks) {
  const int mark = tokenizer_->token_to_id("<|im_start|>").value();
  for (const bool shown : {false, true}) {
    state_ = std::make_shared<engine::StreamState>();
    state_->push({.token = tokenizer_->encode("a").front()});
    state_->push({.token = mark});
    state_->push({.token = tokenizer_->encode("b").front()});
    state_->push({.finish = FinishReason::kStop});
    const std::vector<int> marks = shown ? std::vector<int>{mark} : std::vector<int>{};
    engine::TextStream stream(engine::TokenStream(state_), tokenizer_, {}, marks);
    std::string text;
    while (const auto delta = stream.next()) {
      text += delta->text;
    }
    EXPECT_EQ(text, shown ? "a<|im_start|>b" : "ab");
  }
}

}  // namespace
}  // namespace hub::api
