#include "core/engine/text_stream.h"

#include <gtest/gtest.h>

#include "core/engine/stream_state.h"
#include "tests/support/default_model.h"

namespace hub::engine {
namespace {

class TextStreamTest : public testing::Test {
 protected:
  // A stream that has already got the tokens of `text`, and then `last`.
  TextStream stream_of(
      const std::string& text, std::vector<std::string> stops, TokenEvent last = stop()) {
    for (const int token : tokenizer_->encode(text)) {
      state_->push({.token = token});
    }
    tokens_ = tokenizer_->encode(text).size();
    state_->push(std::move(last));
    return {TokenStream(state_), tokenizer_, std::move(stops)};
  }
  static TokenEvent stop() { return {.finish = FinishReason::kStop}; }

  struct Collected {
    std::string text;
    std::optional<FinishReason> finish;
    std::vector<std::string> pieces;
  };
  static Collected collect(TextStream& stream) {
    Collected result;
    while (const auto delta = stream.next()) {
      EXPECT_FALSE(result.finish.has_value()) << "a delta after the last one";
      EXPECT_TRUE(!delta->text.empty() || delta->finish.has_value());
      result.text += delta->text;
      result.pieces.push_back(delta->text);
      result.finish = delta->finish;
    }
    return result;
  }

  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      text::Tokenizer::load(test::default_model_folder());
  std::shared_ptr<StreamState> state_ = std::make_shared<StreamState>();
  std::size_t tokens_ = 0;
};

TEST_F(TextStreamTest, GivesTheWholeTextInPieces) {
  const std::string text = "Grüße aus 東京 🦙 – and so on.";
  TextStream stream = stream_of(text, {});
  const Collected collected = collect(stream);
  EXPECT_EQ(collected.text, text);
  EXPECT_EQ(collected.finish, FinishReason::kStop);
  EXPECT_GT(collected.pieces.size(), 5U);
  EXPECT_EQ(static_cast<std::size_t>(stream.completion_tokens()), tokens_);
}

TEST_F(TextStreamTest, StopStringAcrossTokensEndsTheAnswerBeforeIt) {
  const std::string text = "The capital is Paris. It lies on the Seine.";
  // Begins inside one token and ends inside another.
  for (const std::string stop : {"ris. It l", "Paris", ".", " on the"}) {
    state_ = std::make_shared<StreamState>();
    TextStream stream = stream_of(text, {"no such text", stop});
    const Collected collected = collect(stream);
    EXPECT_EQ(collected.text, text.substr(0, text.find(stop))) << stop;
    EXPECT_EQ(collected.finish, FinishReason::kStop);
    EXPECT_TRUE(state_->cancelled) << "generation must end with the stop string";
    EXPECT_LT(static_cast<std::size_t>(stream.completion_tokens()), tokens_ + 1);
  }
}

TEST_F(TextStreamTest, WhatOnlyLookedLikeAStopStringIsShown) {
  const std::string text = "one two thr";
  TextStream stream = stream_of(text, {"three"}, {.finish = FinishReason::kStop});
  EXPECT_EQ(collect(stream).text, text);
}

TEST_F(TextStreamTest, HalfACharacterAtTheEndIsNotLost) {
  // The answer is cut inside a character of several tokens: a replacement character stands for it.
  std::vector<int> ids = tokenizer_->encode("a 🦙");
  ids.pop_back();
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    state_->push({.token = ids[i]});
  }
  state_->push({.token = ids.back(), .finish = FinishReason::kLength});
  TextStream stream(TokenStream(state_), tokenizer_, {});
  const Collected collected = collect(stream);
  EXPECT_EQ(collected.text, tokenizer_->decode(ids));
  EXPECT_EQ(collected.finish, FinishReason::kLength);
}

TEST_F(TextStreamTest, ErrorTravels) {
  TextStream stream = stream_of("Hi", {}, {.finish = FinishReason::kError, .error = "broken"});
  std::optional<TextDelta> last;
  while (auto delta = stream.next()) {
    last = std::move(delta);
  }
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->finish, FinishReason::kError);
  EXPECT_EQ(last->error, "broken");
}

TEST_F(TextStreamTest, TimesAreThoseOfTheTokensThatWereRead) {
  const std::vector<int> ids = tokenizer_->encode("one two three");
  ASSERT_GE(ids.size(), 3U);
  TextStream stream(TokenStream(state_), tokenizer_, {});
  EXPECT_EQ(stream.times().began, 0.0);
  state_->began = 10.0;
  EXPECT_EQ(stream.times().began, 10.0);
  EXPECT_EQ(stream.times().first_token, 0.0);
  state_->push({.token = ids[0], .seconds = 11.0});
  state_->push({.token = ids[1], .seconds = 11.125});
  state_->push({.token = ids[2], .seconds = 14.125});
  state_->push(stop());
  collect(stream);
  const TokenTimes times = stream.times();
  EXPECT_EQ(times.began, 10.0);
  EXPECT_EQ(times.first_token, 11.0);
  EXPECT_EQ(times.last_token, 14.125);
  EXPECT_EQ(times.between.seconds, 3.125);
  EXPECT_EQ(
      times.between.counts, (std::array<std::int64_t, 12>{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}));
}

TEST_F(TextStreamTest, SilenceTimesOut) {
  TextStream stream(TokenStream(state_), tokenizer_, {});
  bool timed_out = false;
  EXPECT_FALSE(stream.next_for(1, &timed_out).has_value());
  EXPECT_TRUE(timed_out);
  state_->push(stop());
  const auto delta = stream.next_for(1000, &timed_out);
  EXPECT_FALSE(timed_out);
  ASSERT_TRUE(delta.has_value());
  EXPECT_EQ(delta->finish, FinishReason::kStop);
  EXPECT_FALSE(stream.next_for(1, &timed_out).has_value());
  EXPECT_FALSE(timed_out);
}

// The tokens of all deltas as text. Checks that none came before its text.
std::string text_of(TextStream& stream, const text::Tokenizer& tokenizer) {
  const std::string cut = "\xef\xbf\xbd";  // what decode() writes for a part of a character
  std::vector<int> ids;
  std::string told;
  while (const auto delta = stream.next()) {
    told += delta->text;
    for (const TextToken& token : delta->tokens) {
      ids.push_back(token.drawn.token);
    }
    std::string text = tokenizer.decode(ids);
    while (text.ends_with(cut)) {
      text.resize(text.size() - cut.size());
    }
    EXPECT_TRUE(told.starts_with(text)) << told << " | " << text;
  }
  return tokenizer.decode(ids);
}

TEST_F(TextStreamTest, TokensComeWithTheirText) {
  const std::string text = "Grüße aus 東京 🦙 – and so on.";
  TextStream stream = stream_of(text, {"never said"});
  EXPECT_EQ(text_of(stream, *tokenizer_), text);
}

TEST_F(TextStreamTest, TokensOfAStopStringAreNotTold) {
  TextStream stream = stream_of("One two three STOP four", {"STOP"});
  EXPECT_EQ(text_of(stream, *tokenizer_), "One two three");
}

}  // namespace
}  // namespace hub::engine
