// Drafts for a model with recurrent layers, whose states go back where a guess was wrong: the same
// tokens as without.
#include <algorithm>
#include <iterator>

#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "core/model_config/memory_estimate.h"
#include "tests/unit/engine/recurrent_fixture.h"
#include "tests/unit/models/family_case.h"

namespace hub::engine {
namespace {

class RecurrentDraftTest : public RecurrentTest {
 protected:
  RecurrentDraftTest() : RecurrentTest(models::FamilyCase("qwen3_5").load()) {}
};

// Three sequences in a step, each with a draft that is right for some tokens and wrong behind.
TEST_F(RecurrentDraftTest, WhatIsDrawnIsTheSameWithAnyDraft) {
  constexpr int length = 60;
  for (const SamplingParams& params : {greedy(), drawn_with_rules()}) {
    BatchRunner runner(*model_);
    const auto take = [](Sequence& one, const std::optional<Drawn>& drawn, bool /*guessed*/) {
      one.tokens.push_back(drawn.value().token);
      return static_cast<int>(one.tokens.size()) < one.max_length;
    };
    std::vector<std::unique_ptr<Sequence>> sequences;
    std::vector<std::vector<int>> expected;
    std::vector<RunPart> parts;
    for (int i = 0; i < 3; ++i) {
      const std::vector<int> prompt = numbers(5 + 4 * i, i);
      expected.push_back(answer(prompt, length, params));
      sequences.push_back(sequence(prompt, length, params));
      sequences.back()->cache.emplace(model_->config());
      parts.push_back(
          {.sequence = sequences.back().get(),
           .rows = static_cast<int>(prompt.size()),
           .samples = true});
    }
    runner.run(parts, take);
    for (std::size_t step = 0; step < 2 * length; ++step) {
      parts.clear();
      std::vector<int> rights;
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        Sequence& one = *sequences[i];
        const std::size_t said = one.tokens.size() - static_cast<std::size_t>(one.prompt_length);
        if (said == expected[i].size()) {
          continue;
        }
        const std::size_t left = expected[i].size() - said - 1;
        const std::size_t right = std::min((step + i) % 5, left);
        const std::size_t wrong = std::min((step + 2 * i) % 3, left - right);
        const auto next = expected[i].begin() + static_cast<std::ptrdiff_t>(said);
        std::vector<int> draft(next, next + static_cast<std::ptrdiff_t>(right));
        for (std::size_t j = 0; j < wrong; ++j) {
          draft.push_back((expected[i][said + right + j] + 1) % 64);
        }
        rights.push_back(static_cast<int>(right));
        parts.push_back({.sequence = &one, .rows = 1, .samples = true, .draft = std::move(draft)});
      }
      if (parts.empty()) {
        break;
      }
      runner.run(parts, take);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        EXPECT_EQ(parts[i].accepted, rights[i]);
        const Sequence& one = *parts[i].sequence;
        EXPECT_EQ(one.cache->length() + 1, static_cast<int>(one.tokens.size()));
      }
    }
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_TRUE(
          std::ranges::equal(
              std::span(sequences[i]->tokens)
                  .subspan(static_cast<std::size_t>(sequences[i]->prompt_length)),
              expected[i]))
          << i;
    }
  }
}

TEST_F(RecurrentDraftTest, ABatchSaysWhatEachSaysAloneWithout) {
  for (const SamplingParams& params : {greedy(), drawn_with_rules()}) {
    StepLoop loop(*model_, limits());
    std::vector<std::shared_ptr<StreamState>> streams;
    for (int i = 0; i < 4; ++i) {
      const std::vector<int> prompt = numbers(20 + 7 * i, i);
      streams.push_back(
          add(loop, prompt, 50 + i, params, with_errors(answer(prompt, 50 + i, params))));
    }
    run(loop);
    for (int i = 0; i < 4; ++i) {
      const StreamState& stream = *streams[static_cast<std::size_t>(i)];
      EXPECT_EQ(answer_of(stream), answer(numbers(20 + 7 * i, i), 50 + i, params)) << i;
      EXPECT_EQ(stream.events.back().finish, FinishReason::kLength);
    }
    EXPECT_GT(loop.drafts().text.accepted, 0U);
    EXPECT_GT(loop.drafts().text.drafted, loop.drafts().text.accepted);
    EXPECT_EQ(loop.kv_bytes(), 0U);
  }
}

TEST_F(RecurrentDraftTest, GivingWayChangesNothing) {
  StepLimits small = limits();
  small.kv_budget_bytes = 3 * small.bytes_per_sequence + 640 * small.kv_bytes_per_token;
  StepLoop loop(*model_, small);
  std::vector<std::shared_ptr<StreamState>> streams;
  streams.reserve(3);
  for (int i = 0; i < 3; ++i) {
    const std::vector<int> prompt = numbers(40, i);
    streams.push_back(add(loop, prompt, 200, greedy(), with_errors(answer(prompt, 200))));
  }
  while (!loop.idle()) {
    loop.step();
    EXPECT_LE(loop.kv_bytes(), small.kv_budget_bytes);
  }
  EXPECT_GT(loop.preemptions(), 0U);
  EXPECT_GT(loop.drafts().text.accepted, 0U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answer_of(*streams[static_cast<std::size_t>(i)]), answer(numbers(40, i), 200)) << i;
  }
}

// The answer ends within a draft; what is kept of its states is what was said.
TEST_F(RecurrentDraftTest, WhatIsKeptOfAnAnswerThatEndedWithinADraftServesTheNext) {
  const std::vector<int> prompt = numbers(30, 3);
  const std::vector<int> expected = answer(prompt, 40);
  const auto stop = std::ranges::find_if(expected.begin() + 6, expected.end(), [&](int token) {
    return std::find(expected.begin(), expected.begin() + 6, token) == expected.begin() + 6;
  });
  ASSERT_NE(stop, expected.end());
  StepLoop loop(*model_, limits());
  auto made = sequence(prompt, 40, greedy());
  made->hint = expected;
  made->stop_ids = {*stop};
  const auto first = made->stream;
  loop.add(std::move(made));
  run(loop);
  EXPECT_EQ(first->events.back().finish, FinishReason::kStop);
  EXPECT_GT(first->accepted_tokens, 0);
  std::vector<int> longer = prompt;
  longer.insert(longer.end(), expected.begin(), stop);
  std::ranges::copy(std::vector<int>{7, 8, 9}, std::back_inserter(longer));
  const auto second = add(loop, longer, 30, greedy());
  run(loop);
  EXPECT_GT(second->cached_tokens, 30);
  EXPECT_EQ(answer_of(*second), answer(longer, 30));
}

TEST_F(RecurrentDraftTest, AModelWithoutRecurrentLayersMayDraftForIt) {
  base::Json config = test::tiny_config();
  config["vocab_size"] = 64;
  const test::TempDir folder;
  test::write_tiny_model(folder.path(), config);
  DraftModel draft_model(models::load_model(folder.path()), *model_, 0.001);
  StepLoop loop(*model_, limits(), {}, {.draft_maker = &draft_model});
  std::vector<std::shared_ptr<StreamState>> streams;
  streams.reserve(2);
  for (int i = 0; i < 2; ++i) {
    streams.push_back(add(loop, numbers(20, i), 60, drawn_with_rules()));
  }
  run(loop);
  EXPECT_GT(loop.drafts().model.drafted, 0U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(
        answer_of(*streams[static_cast<std::size_t>(i)]),
        answer(numbers(20, i), 60, drawn_with_rules()))
        << i;
  }
}

// Those after a step and, until its guesses are checked, those before it.
TEST_F(RecurrentDraftTest, BothStatesOfASequenceCount) {
  const test::TempDir folder;
  models::FamilyCase("qwen3_5").write_model(folder.path());
  const std::uint64_t state = model_config::state_bytes_per_sequence(model_->config());
  const std::uint64_t token = model_config::kv_bytes_per_token(model_->config());
  EngineConfig config;
  config.model_folder = folder.path();
  config.kv_budget_bytes = 2 * state + 100 * token;
  EXPECT_EQ(Engine(config).context_length(), 100);
  config.speculative_tokens = 0;
  EXPECT_EQ(
      Engine(config).context_length(),
      std::min<int>(
          model_->config().max_position_embeddings, 100 + static_cast<int>(state / token)));
}

}  // namespace
}  // namespace hub::engine
