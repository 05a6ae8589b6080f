#include "core/engine/draft_model.h"

#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/text/grammar_compiler.h"
#include "tests/unit/engine/draft_fixture.h"
#include "tests/unit/text/golden.h"

namespace hub::engine {
namespace {

std::vector<RunPart> parts_of(const std::vector<std::unique_ptr<Sequence>>& sequences) {
  std::vector<RunPart> parts;
  parts.reserve(sequences.size());
  for (const auto& sequence : sequences) {
    parts.push_back({.sequence = sequence.get(), .rows = 1, .samples = true});
  }
  return parts;
}

TEST_F(DraftModelTest, OneForwardMakesTheNextTokenOfAllDrafts) {
  auto model = std::make_unique<FaultyModel>(same_model());
  int forwards = 0;
  model->in_forward = [&] { ++forwards; };
  DraftModel draft_model(std::move(model), model_);
  std::vector<std::unique_ptr<Sequence>> sequences;
  sequences.reserve(3);
  for (int i = 0; i < 3; ++i) {
    sequences.push_back(begun(numbers(4 + 5 * i, i), 40));
  }
  std::vector<RunPart> parts = parts_of(sequences);
  const std::vector<DraftTask> tasks{{&parts[0], 5}, {&parts[1], 3}, {&parts[2], 1}};
  draft_model.draft(tasks, 256);
  EXPECT_EQ(forwards, 5);
  for (const DraftTask& task : tasks) {
    EXPECT_EQ(task.part->draft, said(task.part->sequence->tokens, task.length)) << task.length;
  }
}

TEST_F(DraftModelTest, CatchesUpInBoundedChunksWithoutHoldingUpTheOthers) {
  DraftModel draft_model(same_model(), model_);
  std::vector<std::unique_ptr<Sequence>> sequences;
  sequences.push_back(begun(numbers(100, 1), 40));
  sequences.push_back(begun(numbers(1, 2), 40));
  sequences[1]->draft_cache.emplace(model_.config());
  std::vector<RunPart> both = parts_of(sequences);
  draft_model.draft(std::vector<DraftTask>{{&both[1], 2}}, 256);  // it has caught up
  for (const int behind : {101, 69, 37, 5}) {
    EXPECT_EQ(draft_model.behind(*sequences[0]), behind);
    std::vector<RunPart> parts = parts_of(sequences);
    sequences[1]->draft_cache->trim(static_cast<int>(sequences[1]->tokens.size()) - 1);
    draft_model.draft(std::vector<DraftTask>{{parts.data(), 2}, {&parts[1], 2}}, 32);
    EXPECT_EQ(parts[1].draft, said(sequences[1]->tokens, 2));
    EXPECT_EQ(parts[0].draft.empty(), behind > 32);
    if (behind <= 32) {
      EXPECT_EQ(parts[0].draft, said(sequences[0]->tokens, 2));
    }
  }
}

// Whatever of its drafts came, the next draft is the one of a model that starts anew.
TEST_F(DraftModelTest, ItsCacheFollowsWhatWasSaid) {
  DraftModel draft_model(same_model(), model_);
  DraftModel anew(same_model(), model_);
  const auto one = begun(numbers(9, 3), 150);
  one->sampling = {.temperature = 0.7F};
  BatchRunner runner(model_);
  int right = 0;
  int wrong = 0;
  for (int step = 0; static_cast<int>(one->tokens.size()) + 8 < one->max_length; ++step) {
    const int length = 1 + step % 4;
    std::vector<RunPart> parts;
    parts.push_back({.sequence = one.get(), .rows = 1, .samples = true});
    draft_model.draft(std::vector<DraftTask>{{parts.data(), length}}, 256);
    const auto copy = sequence(one->tokens, 150, greedy());
    copy->capacity = one->capacity;
    std::vector<RunPart> copies;
    copies.push_back({.sequence = copy.get(), .rows = 1, .samples = true});
    anew.draft(std::vector<DraftTask>{{copies.data(), length}}, 256);
    ASSERT_EQ(parts[0].draft, copies[0].draft) << step;
    runner.run(parts, take);
    right += parts[0].accepted;
    wrong += length - parts[0].accepted;
    one->draft_cache->trim(static_cast<int>(one->tokens.size()) - 1);
  }
  EXPECT_GT(right, 0);
  EXPECT_GT(wrong, 0);
}

TEST_F(DraftModelTest, ADraftEndsWithTheAnswer) {
  DraftModel draft_model(same_model(), model_);
  const auto one = begun(numbers(9, 3), 40);
  const std::vector<int> next = said(one->tokens, 6);
  const auto stop = std::ranges::find(next, next[2]);
  one->stop_ids = {*stop};
  std::vector<RunPart> parts;
  parts.push_back({.sequence = one.get(), .rows = 1, .samples = true});
  draft_model.draft(std::vector<DraftTask>{{parts.data(), 6}}, 256);
  EXPECT_EQ(parts[0].draft, std::vector<int>(next.begin(), stop + 1));
}

TEST_F(DraftModelTest, ADraftEndsAtWhatTheGrammarForbids) {
  const auto tokenizer = text::Tokenizer::load(text::tokenizer_folder("split_style"));
  base::Json config = test::tiny_config();
  config["vocab_size"] = 2048;
  test::TempDir folder;
  test::write_tiny_model(folder.path(), config);
  const auto target = models::load_model(folder.path());
  DraftModel draft_model(models::load_model(folder.path()), *target);
  const std::vector<int> ends{1};
  const text::GrammarCompiler compiler(*tokenizer, 2048, ends);
  // As far as the grammar lets the tokens come.
  const auto allowed = [&](std::vector<int> tokens, const char* grammar) {
    text::GrammarState state(
        *compiler.compile({.kind = text::GrammarSpec::Kind::kRegex, .text = grammar}));
    std::size_t count = 0;
    try {
      for (; count < tokens.size(); ++count) {
        state.accept(tokens[count]);
      }
    } catch (const base::Error&) {
      tokens.resize(count);
    }
    return tokens;
  };
  std::set<std::size_t> lengths;
  for (int i = 0; i < 30; ++i) {
    const auto one = sequence(numbers(9, i), 40, greedy());
    one->capacity = 64;
    const auto drafted = [&] {
      std::vector<RunPart> parts;
      parts.push_back({.sequence = one.get(), .rows = 1, .samples = true});
      one->draft_cache.reset();
      draft_model.draft(std::vector<DraftTask>{{parts.data(), 6}}, 256);
      return parts[0].draft;
    };
    const std::vector<int> free = drafted();
    ASSERT_EQ(free.size(), 6U);
    for (const char* grammar : {"(?s).*", "(?s).{1,5}", "[a-z ]*"}) {
      one->grammar.emplace(
          *compiler.compile({.kind = text::GrammarSpec::Kind::kRegex, .text = grammar}));
      const std::vector<int> draft = drafted();
      EXPECT_EQ(draft, allowed(free, grammar)) << grammar;
      lengths.insert(draft.size());
    }
  }
  EXPECT_GT(lengths.size(), 2U) << "they are cut, at different places";
}

// Models of one family pad the same vocabulary to different sizes.
TEST_F(DraftModelTest, TokensBeyondAVocabularyAreNotGuessedAndHarmNobody) {
  base::Json config = test::tiny_config();
  config["vocab_size"] = 64;
  test::TempDir small;
  test::write_tiny_model(small.path(), config);
  DraftModel smaller(models::load_model(small.path()), model_);
  const auto one = begun(numbers(9, 70), 40);
  std::vector<RunPart> parts;
  parts.push_back({.sequence = one.get(), .rows = 1, .samples = true});
  smaller.draft(std::vector<DraftTask>{{parts.data(), 4}}, 256);
  EXPECT_EQ(parts[0].draft.size(), 4U);
  const auto target = models::load_model(small.path());
  DraftModel larger(same_model(), *target);
  int beyond = 0;
  for (int i = 0; i < 20; ++i) {
    auto other = sequence(numbers(9, i), 40, greedy());
    other->capacity = 64;
    std::vector<RunPart> others;
    others.push_back({.sequence = other.get(), .rows = 1, .samples = true});
    larger.draft(std::vector<DraftTask>{{others.data(), 6}}, 256);
    beyond += others[0].draft.size() < 6 ? 1 : 0;
    for (const int token : others[0].draft) {
      EXPECT_LT(token, 64);
    }
  }
  EXPECT_GT(beyond, 0);
}

TEST_F(DraftModelTest, CostsAsMuchAsItsWeightsUntilItWasMeasured) {
  const StepCost target{.fixed = 1.0, .per_row = 0.2};
  DraftModel draft_model(same_model(), model_);
  EXPECT_DOUBLE_EQ(draft_model.cost(target).fixed, 1.0);
  EXPECT_DOUBLE_EQ(draft_model.cost(target).per_row, 0.2);
  const auto one = begun(numbers(9, 3), 40);
  std::vector<RunPart> parts;
  parts.push_back({.sequence = one.get(), .rows = 1, .samples = true});
  draft_model.draft(std::vector<DraftTask>{{parts.data(), 4}}, 256);
  const StepCost measured = draft_model.cost(target);
  EXPECT_NE(measured.fixed, 1.0);
  EXPECT_GT(measured.fixed + measured.per_row, 0.0);
  const DraftModel told(same_model(), model_, 0.5);
  EXPECT_DOUBLE_EQ(told.cost(target).fixed, 0.5);
}

}  // namespace
}  // namespace hub::engine
