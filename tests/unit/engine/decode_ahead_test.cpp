// Steps that begin before the tokens of the last one are known change nothing in what is said.
#include "core/engine/decode_ahead.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/engine/step_loop_fixture.h"

namespace hub::engine {
namespace {

class Ahead : public StepLoopTest {
 protected:
  static StepLoopOptions options(bool ahead) {
    return {.speculative_tokens = 0, .runs_ahead = ahead};
  }

  static std::vector<int> prompt(int seed, int length) {
    std::vector<int> tokens;
    tokens.reserve(static_cast<std::size_t>(length));
    for (int i = 0; i < length; ++i) {
      tokens.push_back((seed * 31 + i * (7 + seed)) % 96);
    }
    return tokens;
  }

  // The same calls to a loop that runs ahead and to one that does not: what each stream says.
  using Streams = std::vector<std::shared_ptr<StreamState>>;
  void expect_same(
      const std::function<Streams(StepLoop&)>& calls,
      const std::optional<StepLimits>& of = std::nullopt,
      const models::KvCacheOptions& cache = {}) {
    std::vector<Streams> said;
    for (const bool ahead : {false, true}) {
      StepLoopOptions wanted = options(ahead);
      wanted.cache = cache;
      StepLoop loop(model_, of.value_or(limits()), {}, wanted);
      said.push_back(calls(loop));
      run(loop);
      EXPECT_EQ(loop.kv_bytes(), 0U);
    }
    ASSERT_EQ(said[0].size(), said[1].size());
    for (std::size_t i = 0; i < said[0].size(); ++i) {
      EXPECT_EQ(answer_of(*said[0][i]), answer_of(*said[1][i])) << i;
      EXPECT_EQ(said[0][i]->events.back().finish, said[1][i]->events.back().finish) << i;
    }
  }
};

TEST_F(Ahead, AStepBeginsBeforeTheLastOneHasSaidItsTokens) {
  StepLoop loop(model_, limits(), {}, options(true));
  const auto stream = add(loop, {1, 2, 3}, 4);
  loop.step();  // the prompt
  EXPECT_EQ(stream->events.size(), 1U);
  loop.step();  // the second token's begins
  EXPECT_EQ(stream->events.size(), 1U);
  EXPECT_EQ(loop.steps(), 2U);
  loop.step();  // the third one's begins, the second one is there
  EXPECT_EQ(stream->events.size(), 2U);
  EXPECT_EQ(loop.steps(), 3U);
  loop.step();
  loop.step();
  EXPECT_EQ(stream->events.size(), 4U);
  EXPECT_EQ(loop.steps(), 4U);  // none too many
  EXPECT_TRUE(loop.idle());
}

TEST_F(Ahead, ABatchOfAnyLengthsSaysTheSame) {
  expect_same([&](StepLoop& loop) {
    Streams streams;
    for (int i = 0; i < 4; ++i) {
      streams.push_back(add(loop, prompt(i, 5 + 9 * i), 3 + 70 * i));  // caches grow twice
    }
    return streams;
  });
}

TEST_F(Ahead, WhoJoinsMeanwhileIsServedAtOnceAndSaysTheSame) {
  expect_same([&](StepLoop& loop) {
    Streams streams;
    for (int i = 0; i < 4; ++i) {
      streams.push_back(add(loop, prompt(i, 40), 30));
      for (int step = 0; step < 5; ++step) {
        loop.step();
      }
      EXPECT_EQ(loop.waiting(), 0);
    }
    return streams;
  });
}

TEST_F(Ahead, AStopTokenEndsASequenceWhoseNextStepHasBegun) {
  std::vector<int> said;
  {
    StepLoop loop(model_, limits(), {}, options(false));
    const auto stream = add(loop, prompt(1, 20), 20);
    run(loop);
    said = answer_of(*stream);
  }
  const int stop = said[6];
  const auto first = std::ranges::find(said, stop);
  StepLoop loop(model_, limits(), {}, options(true));
  auto made = sequence(prompt(1, 20), 20, greedy());
  made->stop_ids = {stop};
  const auto stopped = made->stream;
  const auto other = add(loop, prompt(2, 20), 40);
  loop.add(std::move(made));
  run(loop);
  EXPECT_EQ(stopped->events.back().finish, FinishReason::kStop);
  std::vector<int> until(said.begin(), first);
  until.push_back(stopped->events.back().token);
  EXPECT_EQ(answer_of(*stopped), until);
  EXPECT_EQ(other->events.size(), 40U);
  // What it leaves is no more than what it said, and serves the next one.
  const auto again = add(loop, prompt(1, 20), 20);
  run(loop);
  EXPECT_EQ(answer_of(*again), said);
  EXPECT_GT(loop.cached_prompt_tokens(), 0U);
}

TEST_F(Ahead, WhoIsCancelledLeavesAndTheOthersGoOn) {
  expect_same([&](StepLoop& loop) {
    const auto leaves = add(loop, prompt(1, 8), 50);
    Streams streams{add(loop, prompt(2, 8), 30), add(loop, prompt(3, 8), 30)};
    for (int step = 0; step < 6; ++step) {
      loop.step();
    }
    leaves->cancelled = true;
    loop.step();
    EXPECT_EQ(leaves->events.back().finish, FinishReason::kCancelled);
    EXPECT_EQ(loop.running(), 2);
    return streams;
  });
}

TEST_F(Ahead, AllAreCancelledWhileAStepGoesOn) {
  StepLoop loop(model_, limits(), {}, options(true));
  const auto stream = add(loop, {1, 2, 3}, 50);
  for (int step = 0; step < 4; ++step) {
    loop.step();
  }
  stream->cancelled = true;
  loop.step();
  EXPECT_EQ(stream->events.back().finish, FinishReason::kCancelled);
  EXPECT_TRUE(loop.idle());
  const auto next = add(loop, {1, 2, 3}, 50);
  for (int step = 0; step < 4; ++step) {
    loop.step();
  }
  loop.cancel_all();
  EXPECT_EQ(next->events.back().finish, FinishReason::kCancelled);
  EXPECT_TRUE(loop.idle());
}

TEST_F(Ahead, AStepThatFailsEndsThoseThatAwaitAndTheLoopGoesOn) {
  StepLoop loop(model_, limits(), {}, options(true));
  const auto first = add(loop, {1, 2, 3}, 50);
  const auto second = add(loop, {4, 5}, 50);
  for (int step = 0; step < 4; ++step) {
    loop.step();
  }
  model_.throws = true;
  loop.step();
  model_.throws = false;
  for (const auto& stream : {first, second}) {
    EXPECT_EQ(stream->events.back().finish, FinishReason::kError);
    EXPECT_EQ(stream->events.back().error, "the device is gone");
  }
  EXPECT_TRUE(loop.idle());
  const auto third = add(loop, {1, 2, 3}, 4);
  run(loop);
  EXPECT_EQ(third->events.back().finish, FinishReason::kLength);
}

TEST_F(Ahead, NonsenseInOneRowEndsThatSequenceAlone) {
  StepLoop loop(model_, limits(), {}, options(true));
  const auto first = add(loop, {1, 2, 3}, 10);
  const auto second = add(loop, {4, 5}, 10);
  loop.step();
  model_.first_row_is_nan = true;
  loop.step();
  model_.first_row_is_nan = false;
  run(loop);
  EXPECT_EQ(first->events.back().finish, FinishReason::kError);
  EXPECT_EQ(first->events.size(), 2U);
  EXPECT_EQ(second->events.back().finish, FinishReason::kLength);
  EXPECT_EQ(second->events.size(), 10U);
}

TEST_F(Ahead, WhoGivesWayAndComesBackSaysTheSame) {
  StepLimits small = limits();
  small.kv_budget_bytes = 512UL * 420;
  expect_same(
      [&](StepLoop& loop) {
        return Streams{add(loop, prompt(1, 30), 200), add(loop, prompt(2, 30), 200)};
      },
      small);
}

TEST_F(Ahead, ACacheThatRollsSaysTheSame) {
  StepLimits rolling = limits();
  const models::KvCacheOptions cache{.window = 64};
  rolling.most_rows = 128;
  expect_same(
      [&](StepLoop& loop) {
        return Streams{add(loop, prompt(1, 30), 200), add(loop, prompt(2, 90), 150)};
      },
      rolling,
      cache);
}

TEST_F(Ahead, WhoDrawsItsTokensHoldsTheOthersToTheirOwnStep) {
  const auto calls = [&](StepLoop& loop) {
    const auto likeliest = add(loop, prompt(1, 8), 40);
    for (int step = 0; step < 6; ++step) {
      loop.step();
    }
    auto made = sequence(prompt(2, 8), 12, {.temperature = 0.9F});
    const auto drawn = made->stream;
    loop.add(std::move(made));
    return Streams{likeliest, drawn};
  };
  expect_same(calls);
}

TEST_F(Ahead, AGuessIsCheckedInAStepOfItsOwn) {
  std::vector<int> repeated = prompt(3, 12);
  const std::vector<int> once = repeated;
  repeated.insert(repeated.end(), once.begin(), once.end());
  std::vector<std::vector<int>> said;
  std::uint64_t drafted = 0;
  for (const bool ahead : {false, true}) {
    StepLoop loop(model_, limits(), {}, {.runs_ahead = ahead});
    const auto stream = add(loop, repeated, 60);
    run(loop);
    said.push_back(answer_of(*stream));
    drafted = loop.drafts().drafted();
  }
  EXPECT_EQ(said[0], said[1]);
  EXPECT_GT(drafted, 0U);
}

}  // namespace
}  // namespace hub::engine
