#include <algorithm>
#include <iterator>

#include "tests/unit/engine/step_loop_fixture.h"

namespace hub::engine {
namespace {

TEST_F(StepLoopTest, TheNextTurnComputesOnlyWhatIsNew) {
  std::vector<int> prompt(50);
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<int>((7 * i) % 90);
  }
  StepLoop loop(model_, limits());
  const auto first = add(loop, prompt, 10);
  run(loop);
  EXPECT_EQ(first->cached_tokens, 0);
  EXPECT_EQ(loop.prefixes().entries(), 1U);
  // All but the last drawn token are cached.
  std::vector<int> longer = prompt;
  std::ranges::copy(answer_of(*first), std::back_inserter(longer));
  longer.insert(longer.end(), {5, 6, 7});
  const auto second = add(loop, longer, 10);
  run(loop);
  EXPECT_EQ(second->cached_tokens, 59);
  EXPECT_EQ(loop.cached_prompt_tokens(), 59U);

  StepLoop cold(model_, limits(), {}, {.keeps_prefixes = false});
  const auto alone = add(cold, longer, 10);
  run(cold);
  EXPECT_EQ(alone->cached_tokens, 0);
  EXPECT_EQ(cold.prefixes().entries(), 0U);
  EXPECT_EQ(answer_of(*second), answer_of(*alone));
}

TEST_F(StepLoopTest, ARunningSequenceLendsItsBeginning) {
  const std::vector<int> prompt(40, 9);
  StepLoop loop(model_, limits());
  const auto first = add(loop, prompt, 100);
  loop.step();
  loop.step();
  const auto second = add(loop, prompt, 100);
  run(loop);
  EXPECT_EQ(second->cached_tokens, 39);  // its last token's logits are needed
  EXPECT_EQ(answer_of(*second), answer_of(*first));
}

TEST_F(StepLoopTest, OtherScopesAndFailedSequencesLendNothing) {
  const std::vector<int> prompt(40, 9);
  StepLoop loop(model_, limits());
  add(loop, prompt, 5);
  run(loop);
  auto sequence = std::make_unique<Sequence>();
  sequence->prompt_length = 40;
  sequence->max_length = 45;
  sequence->tokens = prompt;
  sequence->sampling.temperature = 0.0F;
  sequence->owner.scope = "another key";
  sequence->stream = std::make_shared<StreamState>();
  const auto other = sequence->stream;
  loop.add(std::move(sequence));
  loop.step();
  EXPECT_EQ(other->cached_tokens, 0);
  model_.throws = true;
  run(loop);
  EXPECT_EQ(other->events.back().finish, FinishReason::kError);
  EXPECT_EQ(loop.prefixes().entries(), 1U);  // the first one's
}

TEST_F(StepLoopTest, KeptPrefixesGiveWayToRunningSequences) {
  StepLimits small = limits();
  small.kv_budget_bytes = 600 * small.kv_bytes_per_token;
  StepLoop loop(model_, small);
  add(loop, std::vector<int>(100, 9), 4);
  run(loop);
  EXPECT_GT(loop.prefixes().bytes(), 0U);
  const auto large = add(loop, std::vector<int>(400, 8), 50);
  run(loop);
  EXPECT_EQ(large->events.size(), 50U);
  EXPECT_LE(loop.prefixes().bytes(), small.kv_budget_bytes);
}

// 100 tokens, of which the first 60 are those of every other text.
std::vector<int> text(int number) {
  std::vector<int> tokens(100);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int>((7 * i) % 90);
  }
  std::fill(tokens.begin() + 60, tokens.end(), number);
  return tokens;
}

TEST_F(StepLoopTest, TextsThatComeTogetherComputeTheirCommonBeginningOnce) {
  StepLoop loop(model_, limits());
  const auto first = add(loop, text(1), 5);
  const auto same = add(loop, text(1), 5);
  const auto other = add(loop, text(2), 5);
  run(loop);
  EXPECT_EQ(first->cached_tokens, 0);
  EXPECT_EQ(same->cached_tokens, 99);
  EXPECT_GE(other->cached_tokens, 60);
  StepLoop cold(model_, limits(), {}, {.keeps_prefixes = false});
  const auto alone = add(cold, text(1), 5);
  const auto other_alone = add(cold, text(2), 5);
  run(cold);
  EXPECT_EQ(alone->cached_tokens + other_alone->cached_tokens, 0);
  EXPECT_EQ(answer_of(*same), answer_of(*alone));
  EXPECT_EQ(answer_of(*other), answer_of(*other_alone));
}

TEST_F(StepLoopTest, WhoeverLosesItsLeaderFollowsAnotherOrComputesItself) {
  StepLoop loop(model_, limits());
  const auto first = add(loop, text(1), 5);
  const auto second = add(loop, text(1), 5);
  const auto third = add(loop, text(1), 5);
  loop.step();
  EXPECT_EQ(loop.running(), 1);
  first->cancelled = true;
  run(loop);
  // What the first one had computed stays of use.
  EXPECT_EQ(second->cached_tokens, 32);
  EXPECT_EQ(third->cached_tokens, 99);
  EXPECT_EQ(second->events.back().finish, FinishReason::kLength);
  EXPECT_EQ(answer_of(*third), answer_of(*second));
}

TEST_F(StepLoopTest, TheImportantAndThoseOfAnotherKeyFollowNobody) {
  StepLoop loop(model_, limits());
  add(loop, text(1), 5);
  add(loop, text(1), 5, -1);
  auto sequence = std::make_unique<Sequence>();
  sequence->prompt_length = 100;
  sequence->max_length = 105;
  sequence->tokens = text(1);
  sequence->owner.scope = "another key";
  sequence->stream = std::make_shared<StreamState>();
  loop.add(std::move(sequence));
  loop.step();
  EXPECT_EQ(loop.running(), 3);
  run(loop);
}

TEST_F(StepLoopTest, ALittleInCommonIsNotWorthWaitingFor) {
  StepLoop loop(model_, limits());
  add(loop, std::vector<int>(31, 9), 5);
  add(loop, std::vector<int>(32, 9), 5);
  loop.step();
  EXPECT_EQ(loop.running(), 2);
  run(loop);
}

}  // namespace
}  // namespace hub::engine
