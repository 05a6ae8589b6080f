// Answers with a draft model beside the loop: other steps, the same tokens.
#include <iterator>

#include "core/model_config/kv_window.h"
#include "core/text/grammar_compiler.h"
#include "tests/unit/engine/draft_fixture.h"
#include "tests/unit/text/golden.h"

namespace hub::engine {
namespace {

class StepLoopDraftTest : public DraftModelTest {
 protected:
  // A draft model whose forwards count as next to nothing.
  std::unique_ptr<DraftModel> cheap(std::unique_ptr<models::LanguageModel> model) {
    return std::make_unique<DraftModel>(std::move(model), model_, 0.001);
  }
  std::unique_ptr<models::LanguageModel> contrary_model() const {
    auto model = std::make_unique<FaultyModel>(same_model());
    model->contrary = true;
    return model;
  }
  static std::unique_ptr<models::LanguageModel> other_model() {
    const test::TempDir folder;
    test::write_tiny_model(folder.path(), test::tiny_config(), 2);
    return models::load_model(folder.path());
  }
  static std::shared_ptr<StreamState> add_to(
      StepLoop& loop, std::vector<int> prompt, int answer, const SamplingParams& sampling) {
    auto made = sequence(std::move(prompt), answer, sampling);
    auto stream = made->stream;
    loop.add(std::move(made));
    return stream;
  }
  void expect_same(const StreamState& got, const StreamState& wanted) {
    ASSERT_EQ(got.events.size(), wanted.events.size());
    for (std::size_t i = 0; i < wanted.events.size(); ++i) {
      EXPECT_EQ(got.events[i].token, wanted.events[i].token) << i;
      EXPECT_EQ(got.events[i].logprob, wanted.events[i].logprob) << i;
      ASSERT_EQ(got.events[i].top.size(), wanted.events[i].top.size()) << i;
      for (std::size_t j = 0; j < wanted.events[i].top.size(); ++j) {
        EXPECT_EQ(got.events[i].top[j].token, wanted.events[i].top[j].token) << i;
        EXPECT_EQ(got.events[i].top[j].logprob, wanted.events[i].top[j].logprob) << i;
      }
    }
    EXPECT_EQ(got.events.back().finish, wanted.events.back().finish);
  }
  // Four answers side by side, against each alone and without drafts; returns who guessed what.
  DraftCounts compare(DraftModel& draft_model, const SamplingParams& sampling) {
    StepLoop loop(model_, limits(), {}, {.draft_maker = &draft_model});
    std::vector<std::shared_ptr<StreamState>> streams;
    streams.reserve(4);
    for (int i = 0; i < 4; ++i) {
      streams.push_back(add_to(loop, numbers(3 + 9 * i, i), 40 + i, sampling));
    }
    run(loop);
    DraftCounts counts;
    for (int i = 0; i < 4; ++i) {
      StepLoop plain(model_, limits(), {}, {.speculative_tokens = 0});
      const auto alone = add_to(plain, numbers(3 + 9 * i, i), 40 + i, sampling);
      run(plain);
      const StreamState& stream = *streams[static_cast<std::size_t>(i)];
      expect_same(stream, *alone);
      counts.model.drafted += static_cast<std::uint64_t>(stream.drafted_tokens);
      counts.model.accepted += static_cast<std::uint64_t>(stream.accepted_tokens);
    }
    EXPECT_EQ(counts.model.drafted, loop.drafts().drafted());
    EXPECT_EQ(counts.model.accepted, loop.drafts().accepted());
    EXPECT_EQ(loop.kv_bytes(), 0U);
    return loop.drafts();
  }
};

TEST_F(StepLoopDraftTest, ABatchSaysWhatEachSaysAloneWithout) {
  for (const SamplingParams& sampling : {greedy(), drawn_with_rules()}) {
    EXPECT_GT(compare(*cheap(same_model()), sampling).model.drafted, 0U);
    EXPECT_GT(compare(*cheap(contrary_model()), sampling).model.drafted, 0U);
    EXPECT_GT(compare(*cheap(other_model()), sampling).model.drafted, 0U);
  }
}

TEST_F(StepLoopDraftTest, TheSameModelIsAlwaysRightAndTheContraryNever) {
  const DraftCount right = compare(*cheap(same_model()), greedy()).model;
  EXPECT_GT(right.accepted, 0U);
  EXPECT_EQ(right.accepted, right.drafted);
  const DraftCount wrong = compare(*cheap(contrary_model()), greedy()).model;
  EXPECT_GT(wrong.drafted, 0U);
  EXPECT_EQ(wrong.accepted, 0U);
}

TEST_F(StepLoopDraftTest, AModelThatCostsAsMuchAsTheTargetDraftsNothing) {
  DraftModel slow(same_model(), model_, 1.0);
  EXPECT_EQ(compare(slow, greedy()).model.drafted, 0U);
}

TEST_F(StepLoopDraftTest, GivingWayChangesNothingAndTheBudgetHoldsBothCaches) {
  StepLimits small = limits();
  small.kv_bytes_per_token = 2 * kTokenBytes;
  small.kv_budget_bytes = 640 * small.kv_bytes_per_token;
  const auto draft_model = cheap(same_model());
  StepLoop loop(model_, small, {}, {.keeps_prefixes = false, .draft_maker = draft_model.get()});
  std::vector<std::shared_ptr<StreamState>> streams;
  streams.reserve(3);
  for (int i = 0; i < 3; ++i) {
    streams.push_back(add_to(loop, numbers(40, i), 250, drawn_with_rules()));
  }
  while (!loop.idle()) {
    loop.step();
    EXPECT_LE(loop.kv_bytes(), small.kv_budget_bytes);
  }
  EXPECT_GT(loop.preemptions(), 0U);
  EXPECT_GT(loop.drafts().model.drafted, 0U);
  for (int i = 0; i < 3; ++i) {
    StepLoop plain(model_, limits(), {}, {.speculative_tokens = 0});
    const auto alone = add_to(plain, numbers(40, i), 250, drawn_with_rules());
    run(plain);
    expect_same(*streams[static_cast<std::size_t>(i)], *alone);
  }
}

// The draft model's cache does not roll: past the window only the text is guessed from.
TEST_F(StepLoopDraftTest, ATargetThatRollsSaysTheSame) {
  const models::KvCacheOptions cache{.window = 100};
  StepLimits rolling = limits();
  rolling.most_rows = model_config::most_kv_rows(cache.window, rolling.prefill_chunk);
  const auto answer = [&](DraftModel* draft_model, int speculative_tokens) {
    StepLoop loop(
        model_,
        rolling,
        {},
        {.speculative_tokens = speculative_tokens, .cache = cache, .draft_maker = draft_model});
    const auto stream = add_to(loop, numbers(40, 1), 700, greedy());
    while (!loop.idle()) {
      loop.step();
      EXPECT_LE(loop.kv_bytes(), rolling.kv_budget_bytes);
    }
    EXPECT_EQ(loop.drafts().model.drafted > 0, draft_model != nullptr);
    EXPECT_EQ(stream->events.size(), 700U);
    return answer_of(*stream);
  };
  EXPECT_EQ(answer(cheap(same_model()).get(), 16), answer(nullptr, 0));
}

TEST_F(StepLoopDraftTest, AWarmBeginningIsDraftedFor) {
  const auto draft_model = cheap(same_model());
  StepLoop loop(model_, limits(), {}, {.draft_maker = draft_model.get()});
  const auto first = add_to(loop, numbers(60, 1), 30, greedy());
  run(loop);
  std::vector<int> longer = numbers(60, 1);
  std::ranges::copy(answer_of(*first), std::back_inserter(longer));
  longer.push_back(7);
  const auto second = add_to(loop, longer, 30, greedy());
  run(loop);
  EXPECT_GT(second->cached_tokens, 60);
  EXPECT_EQ(answer_of(*second), said(longer, 30));
}

TEST_F(StepLoopDraftTest, AGrammarsAnswerIsTheSame) {
  const auto tokenizer = text::Tokenizer::load(text::tokenizer_folder("split_style"));
  base::Json config = test::tiny_config();
  config["vocab_size"] = 2048;
  const test::TempDir folder;
  test::write_tiny_model(folder.path(), config);
  const auto target = models::load_model(folder.path());
  const std::vector<int> ends{1};
  const text::GrammarCompiler compiler(*tokenizer, 2048, ends);
  const auto grammar =
      compiler.compile({.kind = text::GrammarSpec::Kind::kRegex, .text = "((?s).{6}[a-z]{3} ){4}"});
  DraftModel draft_model(models::load_model(folder.path()), *target, 0.001);
  const auto add_all = [&](StepLoop& loop, const SamplingParams& sampling) {
    std::vector<std::shared_ptr<StreamState>> streams;
    for (int i = 0; i < 4; ++i) {
      auto made = sequence(numbers(5 + i, 3 * i), 60, sampling);
      made->stop_ids = ends;
      made->grammar.emplace(*grammar);
      streams.push_back(made->stream);
      loop.add(std::move(made));
    }
    run(loop);
    return streams;
  };
  for (const SamplingParams& sampling : {greedy(), drawn_with_rules()}) {
    StepLoop loop(*target, limits(), {}, {.draft_maker = &draft_model});
    const auto streams = add_all(loop, sampling);
    StepLoop plain(*target, limits(), {}, {.speculative_tokens = 0});
    const auto expected = add_all(plain, sampling);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      expect_same(*streams[i], *expected[i]);
      EXPECT_EQ(streams[i]->events.back().finish, FinishReason::kStop);
    }
    EXPECT_GT(loop.drafts().model.drafted, 0U);
  }
}

TEST_F(StepLoopDraftTest, AModelThatFailsIsNotAskedAgainAndNobodyNotices) {
  auto broken = std::make_unique<FaultyModel>(same_model());
  int forwards = 0;
  broken->in_forward = [&] { ++forwards; };
  broken->throws = true;
  EXPECT_EQ(compare(*cheap(std::move(broken)), greedy()).model.drafted, 0U);
  EXPECT_EQ(forwards, 1);
}

class DrafterTest : public StepLoopDraftTest {
 protected:
  // The one part of a step after the prompt.
  std::vector<RunPart> part_of(Sequence& sequence) {
    std::vector<RunPart> parts;
    parts.push_back({.sequence = &sequence, .rows = 1, .samples = true});
    return parts;
  }
};

TEST_F(DrafterTest, TheTextGoesFirstUntilItIsWrong) {
  DraftModel draft_model(same_model(), model_, 0.3);
  const auto one = begun(numbers(9, 3), 60);
  one->hint = one->tokens;
  const std::vector<int> guess(12, 5);
  std::ranges::copy(guess, std::back_inserter(one->hint));
  Drafter drafter(8, &draft_model);
  std::vector<RunPart> parts = part_of(*one);
  drafter.draft(parts);
  EXPECT_EQ(one->draft_source, DraftSource::kText);
  ASSERT_FALSE(parts[0].draft.empty());
  EXPECT_EQ(parts[0].draft[0], 5);
  EXPECT_FALSE(one->draft_cache);
  for (int i = 0; i < 20; ++i) {
    one->looked_up.add(4, 0);
  }
  parts = part_of(*one);
  drafter.draft(parts);
  EXPECT_EQ(one->draft_source, DraftSource::kModel);
  EXPECT_EQ(parts[0].draft, said(one->tokens, static_cast<int>(parts[0].draft.size())));
  EXPECT_FALSE(parts[0].draft.empty());
}

TEST_F(DrafterTest, AModelThatWasWrongForOthersIsTrustedLess) {
  const auto draft_model = cheap(same_model());
  Drafter drafter(8, draft_model.get());
  const auto first = begun(numbers(9, 3), 60);
  for (int i = 0; i < 200; ++i) {
    std::vector<RunPart> parts = part_of(*first);
    first->draft_source = DraftSource::kModel;
    first->modelled.emplace(0.5);
    parts[0].draft = {1, 2};
    drafter.learn(parts, 0.01);
  }
  const auto second = begun(numbers(9, 4), 60);
  std::vector<RunPart> parts = part_of(*second);
  drafter.draft(parts);
  ASSERT_TRUE(second->modelled);
  EXPECT_LT(second->modelled->rate(), 0.1);
}

TEST_F(DrafterTest, OnlyWhoIsMostlyRightCatchesUpWithMuchInAnAnswer) {
  for (const double rate : {0.45, 0.9}) {
    DraftModel draft_model(same_model(), model_, 0.3);
    Drafter drafter(8, &draft_model);
    const auto one = sequence(numbers(300, 3), 100, greedy());
    one->prompt_length = 10;
    one->capacity = 512;
    one->modelled.emplace(rate);
    one->looked_up = DraftRecord(0.0);
    std::vector<RunPart> parts = part_of(*one);
    drafter.draft(parts);
    EXPECT_TRUE(parts[0].draft.empty()) << "not in one step";
    EXPECT_EQ(one->draft_cache.has_value(), rate > 0.5);
    if (one->draft_cache) {
      EXPECT_GE(one->draft_cache->length(), 16);
      EXPECT_LT(one->draft_cache->length(), 60);
    }
  }
}

TEST_F(DrafterTest, NoneBesideAPromptNorBeyondTheModelsContext) {
  base::Json config = test::tiny_config();
  config["max_position_embeddings"] = 16;
  test::TempDir folder;
  test::write_tiny_model(folder.path(), config);
  const auto short_sighted = cheap(models::load_model(folder.path()));
  Drafter drafter(8, short_sighted.get());
  const auto one = begun(numbers(9, 3), 60);  // 10 tokens are known
  std::vector<RunPart> parts = part_of(*one);
  drafter.draft(parts);
  EXPECT_FALSE(parts[0].draft.empty());
  EXPECT_LE(parts[0].draft.size(), 6U);
  const auto longer = begun(numbers(15, 3), 60);
  parts = part_of(*longer);
  drafter.draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
  const auto reader = sequence(numbers(20, 1), 10, greedy());
  parts = part_of(*one);
  parts.push_back({.sequence = reader.get(), .rows = 20, .samples = true});
  drafter.draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
}

}  // namespace
}  // namespace hub::engine
