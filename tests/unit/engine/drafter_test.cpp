// Drafts change how many steps an answer takes, and nothing in it.
#include "core/engine/drafter.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/engine/step_loop_fixture.h"

namespace hub::engine {
namespace {

constexpr int kAnswer = 40;

class Drafts : public StepLoopTest {
 protected:
  // What one forward a token says.
  std::vector<int> answer(const std::vector<int>& prompt, const SamplingParams& sampling) {
    StepLoop loop(model_, limits(), {}, {.speculative_tokens = 0});
    auto made = sequence(prompt, kAnswer, sampling);
    const auto stream = made->stream;
    loop.add(std::move(made));
    run(loop);
    EXPECT_EQ(loop.drafts().drafted(), 0U);
    return answer_of(*stream);
  }
};

SamplingParams drawn_with_rules() {
  SamplingParams params{.temperature = 1.2F, .top_p = 0.95F};
  params.rules.presence_penalty = 0.4F;
  params.rules.repetition_penalty = 1.1F;
  params.rules.dry.multiplier = 0.5F;
  return params;
}

// Drafts that are right for `right` tokens and wrong behind them, in every length.
TEST_F(Drafts, WhatIsDrawnIsTheSameWithAnyDraft) {
  const std::vector<int> prompt{3, 1, 4, 1, 5, 9, 2, 6};
  for (const SamplingParams& params : {greedy(), drawn_with_rules()}) {
    const std::vector<int> expected = answer(prompt, params);
    ASSERT_EQ(expected.size(), static_cast<std::size_t>(kAnswer));
    BatchRunner runner(model_);
    auto made = sequence(prompt, kAnswer, params);
    made->cache.emplace(model_.config());
    const auto take = [](Sequence& one, const std::optional<Drawn>& drawn, bool /*guessed*/) {
      one.tokens.push_back(drawn.value().token);
      return static_cast<int>(one.tokens.size()) < one.max_length;
    };
    std::vector<RunPart> parts;
    parts.push_back({.sequence = made.get(), .rows = 8, .samples = true});
    runner.run(parts, take);
    for (int step = 0; static_cast<int>(made->tokens.size()) < made->max_length; ++step) {
      const std::size_t said = made->tokens.size() - prompt.size();
      const std::size_t left = expected.size() - said - 1;
      const std::size_t right = std::min<std::size_t>(static_cast<std::size_t>(step) % 5, left);
      const std::size_t wrong =
          std::min<std::size_t>(static_cast<std::size_t>(step) % 3, left - right);
      const auto next = expected.begin() + static_cast<std::ptrdiff_t>(said);
      std::vector<int> draft(next, next + static_cast<std::ptrdiff_t>(right));
      for (std::size_t i = 0; i < wrong; ++i) {
        draft.push_back((expected[said + right + i] + 1) % 96);
      }
      parts.assign(
          1, {.sequence = made.get(), .rows = 1, .samples = true, .draft = std::move(draft)});
      runner.run(parts, take);
      EXPECT_EQ(parts[0].accepted, static_cast<int>(right));
      EXPECT_EQ(made->tokens.size(), prompt.size() + said + right + 1);
      EXPECT_EQ(made->cache->length() + 1, static_cast<int>(made->tokens.size()));
    }
    EXPECT_TRUE(std::ranges::equal(std::span(made->tokens).subspan(prompt.size()), expected));
  }
}

TEST_F(Drafts, ABatchSaysWhatEachSaysAloneWithout) {
  std::vector<std::vector<int>> prompts;
  for (int i = 0; i < 4; ++i) {
    std::vector<int> prompt;
    prompt.reserve(30);
    for (int j = 0; j < 30; ++j) {
      prompt.push_back(10 + (i + j) % (3 + i));  // it repeats itself
    }
    prompts.push_back(prompt);
  }
  for (const SamplingParams& params : {greedy(), drawn_with_rules()}) {
    StepLoop loop(model_, limits());
    std::vector<std::shared_ptr<StreamState>> streams;
    for (const auto& prompt : prompts) {
      auto made = sequence(prompt, kAnswer, params);
      made->hint = answer(prompt, params);
      streams.push_back(made->stream);
      loop.add(std::move(made));
    }
    run(loop);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(answer_of(*streams[i]), answer(prompts[i], params)) << i;
      EXPECT_EQ(streams[i]->events.back().finish, FinishReason::kLength);
    }
    EXPECT_GT(loop.drafts().drafted(), 0U);
    int drafted = 0;
    int accepted = 0;
    for (const auto& stream : streams) {
      drafted += stream->drafted_tokens;
      accepted += stream->accepted_tokens;
    }
    EXPECT_EQ(static_cast<std::uint64_t>(drafted), loop.drafts().drafted());
    EXPECT_EQ(static_cast<std::uint64_t>(accepted), loop.drafts().accepted());
    EXPECT_LE(accepted, drafted);
  }
}

// The hint holds the whole answer: a stop id in the middle of an accepted draft ends it there, and
// what is kept of the cache is what was said.
TEST_F(Drafts, AnEndWithinADraftIsAnEnd) {
  const std::vector<int> prompt{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3};
  const std::vector<int> expected = answer(prompt, drawn_with_rules());
  const auto stop = std::ranges::find_if(expected.begin() + 6, expected.end(), [&](int token) {
    return std::find(expected.begin(), expected.begin() + 6, token) == expected.begin() + 6;
  });
  ASSERT_NE(stop, expected.end());
  StepLoop loop(model_, limits());
  auto made = sequence(prompt, kAnswer, drawn_with_rules());
  made->hint = prompt;
  made->hint.insert(made->hint.end(), expected.begin(), expected.end());
  made->stop_ids = {*stop};
  const auto stream = made->stream;
  loop.add(std::move(made));
  run(loop);
  std::vector<int> said = answer_of(*stream);
  EXPECT_EQ(stream->events.back().finish, FinishReason::kStop);
  EXPECT_EQ(said.back(), -1);
  said.pop_back();
  EXPECT_TRUE(std::ranges::equal(said, std::span(expected.begin(), stop)));
  EXPECT_EQ(loop.prefixes().entries(), 1U);
}

TEST_F(Drafts, NoneBesideAPromptNorWhenTurnedOff) {
  auto first = sequence(std::vector<int>(20, 9), kAnswer, greedy());
  auto second = sequence(std::vector<int>(20, 9), kAnswer, greedy());
  first->cache.emplace(model_.config());
  first->capacity = 64;
  std::vector<RunPart> parts;
  parts.push_back({.sequence = first.get(), .rows = 1, .samples = true});
  Drafter drafter(4);
  drafter.draft(parts);
  EXPECT_FALSE(parts[0].draft.empty());
  EXPECT_LE(parts[0].draft.size(), 4U);
  parts[0].draft.clear();
  Drafter(0).draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
  parts.push_back({.sequence = second.get(), .rows = 20, .samples = true});
  drafter.draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
}

TEST_F(Drafts, NeverBeyondTheCacheOrTheAnswersEnd) {
  auto made = sequence(std::vector<int>(20, 9), kAnswer, greedy());
  std::vector<RunPart> parts;
  parts.push_back({.sequence = made.get(), .rows = 1, .samples = true});
  Drafter drafter(16);
  made->capacity = 22;
  drafter.draft(parts);
  EXPECT_LE(parts[0].draft.size(), 2U);
  // One that dropped rows has room for as many.
  made->cache.emplace(model_.config(), models::KvCacheOptions{.window = 16});
  while (made->cache->dropped() < 10) {
    made->cache->reserve(1);
    made->cache->advance(1);
  }
  made->tokens.resize(static_cast<std::size_t>(made->cache->length()) + 1, 9);
  made->capacity = static_cast<int>(made->tokens.size()) - made->cache->dropped() + 2;
  made->max_length = 10'000;
  drafter.draft(parts);
  EXPECT_FALSE(parts[0].draft.empty());
  EXPECT_LE(parts[0].draft.size(), 2U);
  made->cache.reset();
  made->tokens.resize(20);
  made->capacity = 64;
  made->max_length = 21;  // the step's own token is the last
  drafter.draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
}

}  // namespace
}  // namespace hub::engine
