#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <stdexcept>

#include <mlx/ops.h>

#include "core/base/clock.h"
#include "tests/unit/engine/step_loop_fixture.h"

namespace hub::engine {
namespace {

TEST_F(StepLoopTest, FailedStepEndsItsSequencesAndTheLoopGoesOn) {
  int ended = 0;
  StepLoop loop(model_, limits(), [&] { ++ended; });
  const auto first = add(loop, {1, 2, 3}, 50);
  const auto second = add(loop, {4, 5}, 50);
  loop.step();
  loop.step();
  model_.throws = true;
  loop.step();
  for (const auto& stream : {first, second}) {
    ASSERT_EQ(stream->events.size(), 3U);
    EXPECT_EQ(stream->events.back().finish, FinishReason::kError);
    EXPECT_EQ(stream->events.back().error, "the device is gone");
  }
  EXPECT_TRUE(loop.idle());
  EXPECT_EQ(ended, 2);
  model_.throws = false;
  const auto third = add(loop, {1, 2, 3}, 4);
  while (!loop.idle()) {
    loop.step();
  }
  EXPECT_EQ(third->events.size(), 4U);
  EXPECT_EQ(third->events.back().finish, FinishReason::kLength);
}

TEST_F(StepLoopTest, NonsenseInOneRowEndsThatSequenceAlone) {
  StepLoop loop(model_, limits());
  const auto first = add(loop, {1, 2, 3}, 10);
  const auto second = add(loop, {4, 5}, 10);
  loop.step();
  model_.first_row_is_nan = true;
  loop.step();
  model_.first_row_is_nan = false;
  while (!loop.idle()) {
    loop.step();
  }
  EXPECT_EQ(first->events.back().finish, FinishReason::kError);
  EXPECT_EQ(first->events.size(), 2U);
  EXPECT_EQ(second->events.back().finish, FinishReason::kLength);
  EXPECT_EQ(second->events.size(), 10U);
}

TEST_F(StepLoopTest, CancelledSequencesLeaveBeforeTheNextForward) {
  StepLoop loop(model_, limits());
  const auto first = add(loop, {1, 2, 3}, 50);
  const auto second = add(loop, {4, 5}, 50);
  loop.step();
  first->cancelled = true;
  loop.step();
  EXPECT_EQ(first->events.size(), 2U);
  EXPECT_EQ(first->events.back().finish, FinishReason::kCancelled);
  EXPECT_EQ(loop.running(), 1);
  EXPECT_EQ(second->events.size(), 2U);
  loop.cancel_all();
  EXPECT_EQ(second->events.back().finish, FinishReason::kCancelled);
  EXPECT_TRUE(loop.idle());
  EXPECT_EQ(loop.kv_bytes(), 0U);
}

TEST_F(StepLoopTest, LongPromptDoesNotHoldUpWhoDecodes) {
  StepLoop loop(model_, limits());
  const auto talker = add(loop, {1, 2, 3}, 100);
  loop.step();
  const auto reader = add(loop, std::vector<int>(200, 9), 5);
  for (int i = 0; i < 6; ++i) {  // 6 * 32 < 200
    loop.step();
  }
  EXPECT_EQ(talker->events.size(), 7U);
  EXPECT_TRUE(reader->events.empty());
  loop.step();
  EXPECT_EQ(reader->events.size(), 1U);
}

TEST_F(StepLoopTest, TellsWhenASequenceBeganAndWhenEachTokenWasDrawn) {
  StepLoop loop(model_, limits());
  const auto long_prompt = add(loop, std::vector<int>(40, 9), 3);  // two steps of 32 rows
  EXPECT_EQ(long_prompt->began, 0.0);
  const double before = base::steady_seconds();
  loop.step();
  const double began = long_prompt->began;
  EXPECT_GE(began, before);
  EXPECT_TRUE(long_prompt->events.empty());
  while (!loop.idle()) {
    loop.step();
  }
  EXPECT_EQ(long_prompt->began, began);
  ASSERT_EQ(long_prompt->events.size(), 3U);
  double last = began;
  for (const TokenEvent& event : long_prompt->events) {
    EXPECT_GT(event.seconds, last);
    last = event.seconds;
  }
  EXPECT_LE(last, base::steady_seconds());
}

TEST_F(StepLoopTest, AStepThatHangsIsToldOfWhileItDoes) {
  StepWatch watch(0.0);  // any step is too long
  StepLoop loop(model_, limits(), {}, {.watch = &watch});
  add(loop, {1, 2, 3}, 5);
  std::uint64_t told = 0;
  double seconds = 0.0;
  model_.in_forward = [&] {
    while (watch.seconds() == 0.0) {
    }
    watch.look();
    told = watch.slow_steps();
    seconds = watch.seconds();
  };
  loop.step();
  EXPECT_EQ(told, 1U);
  EXPECT_GT(seconds, 0.0);
  EXPECT_EQ(watch.seconds(), 0.0);
  model_.throws = true;
  loop.step();
  EXPECT_EQ(watch.slow_steps(), 2U);
  EXPECT_EQ(watch.seconds(), 0.0) << "one that failed has ended, too";
}

TEST_F(StepLoopTest, CountsStepsAndWhatWasInThem) {
  StepLoop loop(model_, limits());
  add(loop, {1, 2, 3}, 2);
  add(loop, {4, 5}, 4);
  while (!loop.idle()) {
    loop.step();
  }
  loop.step();  // there is nothing to do: no step
  EXPECT_EQ(loop.steps(), 4U);
  EXPECT_EQ(loop.step_sequences(), 6U);
  EXPECT_EQ(loop.prompt_tokens(), 5U);
  EXPECT_EQ(loop.generated_tokens(), 6U);
  EXPECT_EQ(loop.preemptions(), 0U);
}

TEST_F(StepLoopTest, CountsWhoGaveWayAndKeepsWhenItBegan) {
  StepLimits small = limits();
  small.kv_budget_bytes = 600 * small.kv_bytes_per_token;
  StepLoop loop(model_, small);
  const auto first = add(loop, std::vector<int>(30, 9), 200);
  const auto second = add(loop, std::vector<int>(30, 8), 200);
  loop.step();
  loop.step();
  const double began = second->began;
  EXPECT_GT(began, 0.0);
  while (!loop.idle()) {
    loop.step();
  }
  EXPECT_EQ(loop.preemptions(), 1U);
  EXPECT_EQ(second->began, began);
  EXPECT_EQ(first->events.size(), 200U);
  EXPECT_EQ(second->events.size(), 200U);
}

// Runs until everything has ended.
TEST_F(StepLoopTest, TheLessImportantGivesWayAndSaysTheSame) {
  StepLimits small = limits();
  small.kv_budget_bytes = 600 * small.kv_bytes_per_token;
  StepLoop loop(model_, small);
  const auto batch = add(loop, std::vector<int>(30, 9), 200, 1);  // the older one
  loop.step();
  const auto person = add(loop, std::vector<int>(30, 8), 200);
  run(loop);
  EXPECT_EQ(loop.preemptions(), 1U);
  EXPECT_GT(batch->events.back().seconds, person->events.back().seconds);
  StepLoop roomy(model_, limits());
  const auto alone = add(roomy, std::vector<int>(30, 9), 200);
  run(roomy);
  EXPECT_EQ(answer_of(*batch), answer_of(*alone));
}

TEST_F(StepLoopTest, AnImportantOneTakesAPlaceAndWhoLeftItComputesLittleAgain) {
  StepLimits one = limits();
  one.max_running = 1;
  StepLoop loop(model_, one, {}, {.speculative_tokens = 0});
  const auto batch = add(loop, std::vector<int>(60, 9), 20, 1);
  for (int i = 0; i < 5; ++i) {
    loop.step();
  }
  ASSERT_EQ(batch->events.size(), 4U);
  const auto person = add(loop, {1, 2, 3}, 5);
  for (int i = 0; i < 5; ++i) {
    loop.step();
  }
  EXPECT_EQ(person->events.back().finish, FinishReason::kLength);
  EXPECT_EQ(batch->events.size(), 4U);
  EXPECT_EQ(loop.preemptions(), 1U);
  loop.step();
  EXPECT_EQ(batch->events.size(), 5U)
      << "its keys and values were kept: the next token comes at once";
  run(loop);
  StepLoop alone(model_, limits());
  const auto undisturbed = add(alone, std::vector<int>(60, 9), 20);
  run(alone);
  EXPECT_EQ(answer_of(*batch), answer_of(*undisturbed));
}

TEST_F(StepLoopTest, ScopesAreServedFairAndChargedOnceForWhatWasComputed) {
  StepLimits one = limits();
  one.max_running = 1;
  StepLoop loop(model_, one, {}, {.speculative_tokens = 0});
  const auto add_of = [&](const char* scope, std::vector<int> prompt) {
    auto sequence = std::make_unique<Sequence>();
    sequence->prompt_length = static_cast<int>(prompt.size());
    sequence->max_length = sequence->prompt_length + 3;
    sequence->tokens = std::move(prompt);
    sequence->sampling.temperature = 0.0F;
    sequence->owner.scope = scope;
    sequence->stream = std::make_shared<StreamState>();
    auto stream = sequence->stream;
    loop.add(std::move(sequence));
    return stream;
  };
  std::vector<std::shared_ptr<StreamState>> flood;
  flood.reserve(6);
  for (int i = 0; i < 6; ++i) {
    flood.push_back(add_of("flood", std::vector<int>(20, 10 + i)));
  }
  loop.step();
  // 20 of the prompt; the first token of the answer is computed in the next step.
  EXPECT_EQ(loop.shares().served()[0], 20 * kPromptTokenCost);
  loop.step();
  EXPECT_EQ(loop.shares().served()[0], 20 * kPromptTokenCost + kAnswerTokenCost);
  const auto single = add_of("single", std::vector<int>(20, 9));
  while (!single->ended) {
    loop.step();
  }
  EXPECT_TRUE(flood[0]->ended);
  EXPECT_FALSE(flood[2]->ended);
  run(loop);
  EXPECT_EQ(loop.shares().remembered(), 0U);
}

TEST(StreamState, NothingFollowsTheLastEvent) {
  StreamState state;
  state.push({.token = 1, .finish = FinishReason::kLength});
  state.push({.finish = FinishReason::kCancelled});
  EXPECT_EQ(state.events.size(), 1U);
}

}  // namespace
}  // namespace hub::engine
