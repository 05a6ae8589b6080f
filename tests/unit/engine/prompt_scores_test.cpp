// How likely the tokens of prompts are: against mlx-lm, however the prompt is cut, cached or
// interrupted.
#include "core/engine/prompt_scores.h"

#include <cmath>
#include <fstream>

#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "tests/support/default_model.h"
#include "tests/unit/engine/step_loop_fixture.h"

namespace hub::engine {
namespace {

using base::Json;

class PromptScores : public StepLoopTest {
 protected:
  // 100 tokens.
  static std::vector<int> prompt(int seed = 7) {
    std::vector<int> tokens(100);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = (seed * static_cast<int>(i)) % 90;
    }
    return tokens;
  }
  // Adds a sequence that tells its prompt, with the two likeliest at each place.
  static std::shared_ptr<StreamState> add_telling(
      StepLoop& loop, std::vector<int> tokens, int answer) {
    SamplingParams sampling = greedy();
    sampling.top_logprobs = 2;
    auto made = sequence(std::move(tokens), answer, sampling);
    made->tells_prompt = true;
    auto stream = made->stream;
    loop.add(std::move(made));
    return stream;
  }
  std::vector<TextToken> scores(StepLimits limits, int answer = 1) {
    StepLoop loop(model_, limits);
    const auto stream = add_telling(loop, prompt(), answer);
    run(loop);
    return stream->events.at(0).prompt;
  }
};

void expect_same(const std::vector<TextToken>& a, const std::vector<TextToken>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].drawn.token, b[i].drawn.token) << i;
    EXPECT_EQ(a[i].drawn.logprob, b[i].drawn.logprob) << i;
    ASSERT_EQ(a[i].top.size(), b[i].top.size());
    for (std::size_t k = 0; k < a[i].top.size(); ++k) {
      EXPECT_EQ(a[i].top[k].token, b[i].top[k].token) << i;
      EXPECT_EQ(a[i].top[k].logprob, b[i].top[k].logprob) << i;
    }
  }
}

TEST_F(PromptScores, AreThoseOfTheTokensHoweverThePromptIsCut) {
  const std::vector<TextToken> told = scores(limits());
  ASSERT_EQ(told.size(), 99U);
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].drawn.token, prompt()[i + 1]);
    ASSERT_EQ(told[i].top.size(), 2U);
    EXPECT_GE(told[i].top[0].logprob, told[i].drawn.logprob);
    EXPECT_LT(told[i].drawn.logprob, 0.0F);
  }
  StepLimits narrow = limits();
  narrow.prefill_chunk = 7;
  expect_same(scores(narrow), told);
  StepLimits wide = limits();
  wide.prefill_chunk = 512;
  expect_same(scores(wide), told);
}

// The answer's own logprobs say the same: a prompt that a greedy answer goes on with has the score
// of the token that was drawn.
TEST_F(PromptScores, SayOfAnAnswerWhatItSaidItself) {
  StepLoop loop(model_, limits());
  const auto first = add_telling(loop, prompt(), 8);
  run(loop);
  std::vector<int> longer = prompt();
  for (const TokenEvent& event : first->events) {
    longer.push_back(event.token);
  }
  const auto second = add_telling(loop, longer, 1);
  run(loop);
  const std::vector<TextToken>& told = second->events.at(0).prompt;
  ASSERT_EQ(told.size(), 107U);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(told[99 + i].drawn.logprob, first->events[i].logprob) << i;
    EXPECT_EQ(told[99 + i].top[0].token, first->events[i].token) << i;
  }
}

TEST_F(PromptScores, AreComputedThoughThePromptIsCached) {
  StepLoop loop(model_, limits());
  add(loop, prompt(), 5);
  run(loop);
  const auto again = add_telling(loop, prompt(), 1);
  run(loop);
  EXPECT_EQ(again->cached_tokens, 0);
  expect_same(again->events.at(0).prompt, scores(limits()));
  const auto plain = add(loop, prompt(), 5);
  run(loop);
  EXPECT_EQ(plain->cached_tokens, 99) << "what was computed for the scores serves others";
}

TEST_F(PromptScores, DoNotWaitForAnotherWithTheSamePrompt) {
  StepLoop loop(model_, limits());
  add(loop, prompt(), 5);
  const auto telling = add_telling(loop, prompt(), 5);
  const auto follower = add(loop, prompt(), 5);
  run(loop);
  EXPECT_EQ(telling->cached_tokens, 0);
  EXPECT_EQ(follower->cached_tokens, 99);
  expect_same(telling->events.at(0).prompt, scores(limits()));
}

TEST_F(PromptScores, AreWholeAfterItGaveWay) {
  StepLimits one = limits();
  one.max_running = 1;
  StepLoop loop(model_, one);
  SamplingParams sampling = greedy();
  sampling.top_logprobs = 2;
  auto made = sequence(prompt(), 1, sampling);
  made->tells_prompt = true;
  made->priority = 1;
  const auto batch = made->stream;
  loop.add(std::move(made));
  loop.step();
  loop.step();  // 64 of its rows
  add(loop, {1, 2, 3}, 3);
  run(loop);
  EXPECT_EQ(loop.preemptions(), 1U);
  expect_same(batch->events.at(0).prompt, scores(limits()));
}

TEST_F(PromptScores, ARequestForNoTokensSaysNothingElse) {
  StepLoop loop(model_, limits());
  const auto stream = add_telling(loop, prompt(), 0);
  const auto single = add_telling(loop, {5}, 0);
  run(loop);
  for (const auto& only : {stream, single}) {
    ASSERT_EQ(only->events.size(), 1U);
    EXPECT_EQ(only->events[0].token, -1);
    EXPECT_EQ(only->events[0].finish, FinishReason::kLength);
  }
  expect_same(stream->events[0].prompt, scores(limits()));
  EXPECT_TRUE(single->events[0].prompt.empty());
  EXPECT_EQ(loop.prompt_tokens(), 101U);
  EXPECT_EQ(loop.generated_tokens(), 0U);
}

TEST_F(PromptScores, AStopIdThatIsDrawnIsTold) {
  StepLoop loop(model_, limits());
  const auto plain = add_telling(loop, prompt(), 1);
  run(loop);
  auto made = sequence(prompt(), 4, greedy());
  made->stop_ids = {plain->events.at(0).token};
  const auto stopped = made->stream;
  loop.add(std::move(made));
  run(loop);
  ASSERT_EQ(stopped->events.size(), 1U);
  EXPECT_EQ(stopped->events[0].token, -1);
  ASSERT_TRUE(stopped->events[0].stop);
  EXPECT_EQ(stopped->events[0].stop->drawn.token, plain->events[0].token);
  EXPECT_EQ(stopped->events[0].stop->drawn.logprob, plain->events[0].logprob);
  EXPECT_FALSE(plain->events[0].stop);
}

TEST_F(PromptScores, LogitsThatAreNoNumbersEndTheRequestWithAnError) {
  model_.first_row_is_nan = true;
  StepLoop loop(model_, limits());
  const auto stream = add_telling(loop, prompt(), 1);
  run(loop);
  ASSERT_EQ(stream->events.size(), 1U);
  EXPECT_EQ(stream->events[0].finish, FinishReason::kError);
  EXPECT_TRUE(stream->events[0].prompt.empty());
}

TEST_F(PromptScores, AreComputedInPiecesOfBoundedSize) {
  // A model whose logits are counted: never more rows at once than kMostLogits allows.
  class Counting final : public models::LanguageModel {
   public:
    explicit Counting(const models::LanguageModel& model) : model_(model) {}
    [[nodiscard]] const model_config::ModelConfig& config() const override { return config_; }
    [[nodiscard]] mx::array hidden(
        const mx::array& tokens,
        const models::Attend& attend,
        nn::AdapterSpans adapters) const override {
      return model_.hidden(tokens, attend, adapters);
    }
    [[nodiscard]] mx::array logits(
        const mx::array& hidden, nn::AdapterSpans adapters) const override {
      most = std::max(most, hidden.shape(0));
      return model_.logits(hidden, adapters);
    }
    [[nodiscard]] std::vector<const nn::Linear*> linears() const override {
      return model_.linears();
    }
    [[nodiscard]] std::uint64_t weight_bytes() const override { return 0; }
    mutable int most = 0;

   private:
    const models::LanguageModel& model_;
    model_config::ModelConfig config_ = [this] {
      model_config::ModelConfig large = model_.config();
      large.vocab_size = static_cast<int>(PromptScorer::kMostLogits / 3);
      return large;
    }();
  };
  const Counting large(model_);
  auto telling = sequence(prompt(), 1, greedy());
  telling->tells_prompt = true;
  const mx::array states = mx::ones({100, 64});
  mx::eval(states);
  PromptScorer(large).score(*telling, states, 0);
  EXPECT_EQ(telling->prompt_scores.size(), 99U);
  EXPECT_EQ(large.most, 3);
}

// scripts/make_prompt_goldens.py
TEST(PromptScoresOfTheDefaultModel, AreMlxLms) {
  const Json golden =
      Json::parse(std::ifstream(HUB_SOURCE_DIR "/tests/golden/engine/prompt_logprobs.json"));
  const double tolerance = golden.at("tolerance").get<double>();
  Engine engine({.model_folder = test::default_model_folder(), .prefill_chunk = 32});
  double worst = 0.0;
  for (const Json& record : golden.at("cases")) {
    GenerateRequest request;
    request.prompt = record.at("tokens").get<std::vector<int>>();
    request.sampling = {.temperature = 0.0F, .top_logprobs = 5};
    request.prompt_logprobs = true;
    TokenStream stream = engine.submit(std::move(request));
    const auto event = stream.next();
    ASSERT_TRUE(event);
    const Json& logprobs = record.at("logprobs");
    ASSERT_EQ(event->prompt.size(), logprobs.size());
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
      const TextToken& told = event->prompt[i];
      worst = std::max(
          worst, std::abs(static_cast<double>(told.drawn.logprob) - logprobs[i].get<double>()));
      for (std::size_t k = 0; k < told.top.size(); ++k) {
        const Json& likely = record.at("top")[i][k];
        worst = std::max(
            worst, std::abs(static_cast<double>(told.top[k].logprob) - likely[1].get<double>()));
      }
      EXPECT_EQ(told.top[0].token, record.at("top")[i][0][0].get<int>()) << i;
    }
  }
  EXPECT_LT(worst, tolerance);
  RecordProperty("worst_difference", std::to_string(worst));
}

}  // namespace
}  // namespace hub::engine
