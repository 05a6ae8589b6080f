// Drafts by a model's own head for further tokens: other steps, the same tokens.
#include "core/engine/mtp_drafter.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <gtest/gtest.h>

#include "core/engine/drafter.h"
#include "core/model_config/kv_window.h"
#include "tests/unit/engine/recurrent_fixture.h"
#include "tests/unit/models/mtp_case.h"

namespace hub::engine {
namespace {

class MtpDrafterTest : public RecurrentTest {
 protected:
  // With a head of random weights.
  MtpDrafterTest() : RecurrentTest(models::MtpCase().load()) {}

  // From now on the head is always right about the likeliest token, or with -1 never.
  void rig(float sign) { model_ = models::MtpCase::rigged(sign).load(); }

  // A head whose forwards count as next to nothing.
  [[nodiscard]] std::unique_ptr<MtpDrafter> cheap() const {
    return std::make_unique<MtpDrafter>(*model_, 0.001);
  }
  // Four answers side by side, against each alone and without drafts; returns what the head said.
  DraftCount compare(const SamplingParams& sampling, const models::KvCacheOptions& cache = {}) {
    const auto head = cheap();
    StepLimits own = limits();
    own.most_rows = model_config::most_kv_rows(cache.window, own.prefill_chunk);
    StepLoop loop(*model_, own, {}, {.cache = cache, .draft_maker = head.get()});
    StepLoop plain(*model_, own, {}, {.speculative_tokens = 0, .cache = cache});
    std::vector<std::shared_ptr<StreamState>> streams;
    streams.reserve(4);
    for (int i = 0; i < 4; ++i) {
      streams.push_back(add(loop, numbers(3 + 30 * i, i), 70 + i, sampling));
    }
    run(loop);
    for (int i = 0; i < 4; ++i) {
      const StreamState& got = *streams[static_cast<std::size_t>(i)];
      const auto alone = add(plain, numbers(3 + 30 * i, i), 70 + i, sampling);
      run(plain);
      EXPECT_EQ(answer_of(got), answer_of(*alone)) << i;
      for (std::size_t j = 0; j < alone->events.size(); ++j) {
        EXPECT_EQ(got.events.at(j).logprob, alone->events[j].logprob) << i << " " << j;
      }
    }
    EXPECT_EQ(loop.kv_bytes(), 0U);
    return loop.drafts().mtp;
  }
  // A sequence whose prompt is computed, outside of a loop, and the part that did it.
  struct Begun {
    std::unique_ptr<Sequence> sequence;
    std::vector<RunPart> parts;
  };
  Begun begun(std::vector<int> prompt, int answer, bool samples = true) {
    Begun result{sequence(std::move(prompt), answer, greedy()), {}};
    Sequence& one = *result.sequence;
    one.cache.emplace(model_->config());
    one.capacity = 256;
    result.parts.push_back(
        {.sequence = &one, .rows = one.prompt_length - (samples ? 0 : 1), .samples = samples});
    BatchRunner(*model_, true).run(result.parts, take);
    return result;
  }
  static bool take(Sequence& sequence, const std::optional<Drawn>& drawn, bool /*guessed*/) {
    sequence.tokens.push_back(drawn.value().token);
    return static_cast<int>(sequence.tokens.size()) < sequence.max_length;
  }
  static std::vector<RunPart> part_of(Sequence& sequence) {
    std::vector<RunPart> parts;
    parts.push_back({.sequence = &sequence, .rows = 1, .samples = true});
    return parts;
  }
  static std::vector<int> drafted(MtpDrafter& head, Sequence& sequence, int length) {
    std::vector<RunPart> parts = part_of(sequence);
    head.draft(std::vector<DraftTask>{{parts.data(), length}}, 256);
    return parts[0].draft;
  }
  // What a head drafts that sees these tokens for the first time, all of them.
  std::vector<int> drafted_anew(const std::vector<int>& tokens, int length) {
    MtpDrafter head(*model_);
    Begun copy = begun(tokens, 60, false);
    head.follow(copy.parts, true);
    return drafted(head, *copy.sequence, length);
  }
};

TEST_F(MtpDrafterTest, ABatchSaysWhatEachSaysAloneWithout) {
  EXPECT_GT(compare(greedy()).drafted, 0U);
  EXPECT_GT(compare(drawn_with_rules()).drafted, 0U);
}

TEST_F(MtpDrafterTest, AHeadThatIsRightIsAlwaysRight) {
  rig(1.0F);
  const DraftCount right = compare(greedy());
  EXPECT_GT(right.accepted, 0U);
  EXPECT_EQ(right.accepted, right.drafted);
  const DraftCount drawn = compare(drawn_with_rules());
  EXPECT_GT(drawn.accepted, 0U);
  EXPECT_LT(drawn.accepted, drawn.drafted);
}

TEST_F(MtpDrafterTest, AHeadThatIsWrongHarmsNobody) {
  rig(-1.0F);
  const DraftCount wrong = compare(greedy());
  EXPECT_GT(wrong.drafted, 0U);
  EXPECT_EQ(wrong.accepted, 0U);
}

TEST_F(MtpDrafterTest, ATargetThatRollsSaysTheSame) {
  rig(1.0F);
  EXPECT_GT(compare(greedy(), {.window = 40}).drafted, 0U);
}

// Whatever came after a draft, the next one is that of a head that starts anew.
TEST_F(MtpDrafterTest, ItsCacheFollowsWhatWasSaid) {
  MtpDrafter head(*model_);
  const std::vector<int> expected = answer(numbers(9, 3), 150);
  Begun made = begun(numbers(9, 3), 150);
  Sequence& one = *made.sequence;
  head.follow(made.parts, false);
  BatchRunner runner(*model_, true);
  int checked = 0;
  for (std::size_t step = 0; static_cast<int>(one.tokens.size()) + 8 < one.max_length; ++step) {
    std::vector<RunPart> parts = part_of(one);
    if (step % 3 != 2) {  // now and then it is not asked
      const auto length = static_cast<int>(1 + step % 4);
      ASSERT_EQ(drafted(head, one, length), drafted_anew(one.tokens, length)) << step;
      ++checked;
    }
    // Checked is another draft, that is right for some tokens.
    const auto said = static_cast<std::ptrdiff_t>(one.tokens.size()) - one.prompt_length;
    const auto next = expected.begin() + said;
    const auto right = static_cast<std::ptrdiff_t>(step % 4);
    parts[0].draft.assign(next, next + right);
    parts[0].draft.push_back((next[right] + 1) % 64);
    runner.run(parts, take);
    EXPECT_EQ(parts[0].accepted, right);
    EXPECT_EQ(parts[0].hidden.value().shape(0), 1 + right);
    head.follow(parts, false);
  }
  EXPECT_GT(checked, 20);
}

TEST_F(MtpDrafterTest, ReadsALongPromptOrForgetsItsBeginning) {
  MtpDrafter head(*model_);
  Begun made = begun(numbers(150, 3), 60);
  Sequence& one = *made.sequence;
  head.follow(made.parts, true);
  ASSERT_TRUE(one.draft_cache);
  EXPECT_EQ(one.draft_cache->length(), 149);
  EXPECT_EQ(head.behind(one), 1);
  EXPECT_EQ(drafted(head, one, 4), drafted_anew(one.tokens, 4));
  EXPECT_EQ(one.draft_cache->length(), 150) << "without the rows of guesses";

  Begun other = begun(numbers(150, 3), 60);
  head.follow(other.parts, false);
  EXPECT_FALSE(other.sequence->draft_cache);
  EXPECT_EQ(head.behind(*other.sequence), MtpDrafter::kMostUnread);
  EXPECT_EQ(drafted(head, *other.sequence, 4).size(), 4U);
  EXPECT_EQ(other.sequence->draft_cache->length(), MtpDrafter::kMostUnread);
}

// Rows of a step lie by adapter, and drafts that were wrong among them.
TEST_F(MtpDrafterTest, HiddenStatesAreThoseOfTheSequenceAlone) {
  const auto adapter = std::make_shared<const nn::LoraAdapter>();  // of no module
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<RunPart> parts;
  for (int i = 0; i < 3; ++i) {
    sequences.push_back(sequence(numbers(7 + 5 * i, i), 60, greedy()));
    Sequence& one = *sequences.back();
    one.cache.emplace(model_->config());
    one.owner.adapter = i == 0 ? adapter : nullptr;
    parts.push_back(
        {.sequence = &one, .rows = one.prompt_length, .samples = true, .draft = {1, 2, 3}});
  }
  BatchRunner(*model_, true).run(parts, take);
  for (int i = 0; i < 3; ++i) {
    const Begun alone = begun(numbers(7 + 5 * i, i), 60);
    const RunPart& part = parts[static_cast<std::size_t>(i)];
    ASSERT_EQ(part.accepted, 0) << "else other rows are expected";
    EXPECT_TRUE(mx::array_equal(part.hidden.value(), alone.parts[0].hidden.value()).item<bool>())
        << i;
  }
}

// It was asked, and then not for so long that some of what came since is gone.
TEST_F(MtpDrafterTest, BeginsAnewBehindAGap) {
  MtpDrafter head(*model_);
  Begun made = begun(numbers(9, 3), 150);
  Sequence& one = *made.sequence;
  head.follow(made.parts, false);
  EXPECT_EQ(drafted(head, one, 3).size(), 3U);
  EXPECT_EQ(one.draft_cache.value().length(), 9);
  BatchRunner runner(*model_, true);
  for (int i = 0; i <= MtpDrafter::kMostUnread; ++i) {
    EXPECT_TRUE(one.draft_cache) << i;
    std::vector<RunPart> parts = part_of(one);
    runner.run(parts, take);
    head.follow(parts, false);
  }
  EXPECT_FALSE(one.draft_cache);
  EXPECT_EQ(drafted(head, one, 3).size(), 3U);
  EXPECT_EQ(one.draft_cache.value().length(), MtpDrafter::kMostUnread);
}

TEST_F(MtpDrafterTest, ReadsNoMoreThanThereIsRoomFor) {
  MtpDrafter head(*model_);
  Begun made = begun(numbers(150, 3), 60);
  made.sequence->capacity = 149;  // of a cache that rolls
  head.follow(made.parts, true);
  EXPECT_FALSE(made.sequence->draft_cache);
  EXPECT_EQ(head.behind(*made.sequence), MtpDrafter::kMostUnread);
}

TEST_F(MtpDrafterTest, CatchesUpInBoundedChunksAndDraftsNothingWithoutHiddenStates) {
  MtpDrafter head(*model_);
  Begun made = begun(numbers(50, 3), 60);
  Sequence& one = *made.sequence;
  EXPECT_EQ(head.limit(one), 0);
  head.follow(made.parts, false);
  EXPECT_EQ(head.limit(one), 256 - 51);
  std::vector<RunPart> parts = part_of(one);
  for (const int behind : {50, 30, 10}) {
    EXPECT_EQ(head.behind(one), behind);
    head.draft(std::vector<DraftTask>{{parts.data(), 3}}, 20);
    EXPECT_EQ(parts[0].draft.empty(), behind > 20);
  }
  EXPECT_EQ(parts[0].draft, drafted_anew(one.tokens, 3));
}

TEST_F(MtpDrafterTest, GivingWayChangesNothingAndTheBudgetHoldsItsCaches) {
  rig(1.0F);
  const auto head = cheap();
  StepLimits small = limits();
  small.kv_bytes_per_token += head->kv_bytes_per_token();
  small.kv_budget_bytes = 3 * small.bytes_per_sequence + 640 * small.kv_bytes_per_token;
  StepLoop loop(*model_, small, {}, {.keeps_prefixes = false, .draft_maker = head.get()});
  std::vector<std::shared_ptr<StreamState>> streams;
  streams.reserve(3);
  for (int i = 0; i < 3; ++i) {
    streams.push_back(add(loop, numbers(40, i), 200, greedy()));
  }
  while (!loop.idle()) {
    loop.step();
    EXPECT_LE(loop.kv_bytes(), small.kv_budget_bytes);
  }
  EXPECT_GT(loop.preemptions(), 0U);
  EXPECT_GT(loop.drafts().mtp.drafted, 0U);
  EXPECT_EQ(loop.drafts().mtp.accepted, loop.drafts().mtp.drafted);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answer_of(*streams[static_cast<std::size_t>(i)]), answer(numbers(40, i), 200)) << i;
  }
}

TEST_F(MtpDrafterTest, AWarmBeginningIsDraftedFor) {
  rig(1.0F);
  const auto head = cheap();
  StepLoop loop(*model_, limits(), {}, {.draft_maker = head.get()});
  const auto first = add(loop, numbers(60, 1), 30, greedy());
  run(loop);
  std::vector<int> longer = numbers(60, 1);
  std::ranges::copy(answer_of(*first), std::back_inserter(longer));
  longer.push_back(7);
  const std::uint64_t before = loop.drafts().mtp.accepted;
  const auto second = add(loop, longer, 30, greedy());
  run(loop);
  EXPECT_GT(second->cached_tokens, 60);
  EXPECT_GT(loop.drafts().mtp.accepted, before);
  EXPECT_EQ(answer_of(*second), answer(longer, 30));
}

// As the drafter sees it: 200 steps in which its guesses were wrong.
TEST_F(MtpDrafterTest, AHeadThatWasWrongIsNotAskedAndReadsNoPrompt) {
  MtpDrafter head(*model_, 0.3);
  Drafter drafter(8, &head);
  Begun first = begun(numbers(9, 3), 60);
  drafter.learn(first.parts, 0.01);
  std::vector<RunPart> parts = part_of(*first.sequence);
  drafter.draft(parts);
  EXPECT_FALSE(parts[0].draft.empty());
  EXPECT_EQ(first.sequence->draft_source, DraftSource::kMtp);
  for (int i = 0; i < 200; ++i) {
    parts = part_of(*first.sequence);
    parts[0].draft = {1, 2};
    drafter.learn(parts, 0.01);
  }
  Begun second = begun(numbers(100, 4), 60);
  drafter.learn(second.parts, 0.01);
  EXPECT_FALSE(second.sequence->draft_cache);
  parts = part_of(*second.sequence);
  drafter.draft(parts);
  EXPECT_TRUE(parts[0].draft.empty());
}

// Each row costs as much as the next.
TEST_F(MtpDrafterTest, NoneWhereRowsCostAllOfAStep) {
  rig(1.0F);
  MtpDrafter head(*model_, 0.3);
  Drafter drafter(8, &head);
  std::vector<Begun> begun_ones;
  begun_ones.reserve(6);
  std::vector<RunPart> parts;
  for (int i = 0; i < 6; ++i) {
    begun_ones.push_back(begun(numbers(9, i), 60));
    head.follow(begun_ones.back().parts, false);
    parts.push_back({.sequence = begun_ones.back().sequence.get(), .rows = 1, .samples = true});
  }
  for (int i = 0; i < 20; ++i) {
    drafter.learn(std::span(parts).first(1), 0.1);
    drafter.learn(parts, 0.6);
  }
  drafter.draft(parts);
  for (const RunPart& part : parts) {
    EXPECT_TRUE(part.draft.empty());
  }
}

class FailingMaker final : public DraftMaker {
 public:
  explicit FailingMaker(const model_config::ModelConfig& config)
      : DraftMaker(64, 1.0, 0.001), config_(config) {}
  [[nodiscard]] int behind(const Sequence& /*sequence*/) const override { return 1; }
  [[nodiscard]] int limit(const Sequence& /*sequence*/) const override { return 8; }
  [[nodiscard]] DraftSource source() const override { return DraftSource::kMtp; }
  [[nodiscard]] std::uint64_t kv_bytes_per_token() const override { return 0; }
  void follow(std::span<const RunPart> /*parts*/, bool /*reads*/) override {
    ++followed;
    throw std::runtime_error("the device is gone");
  }

  int followed = 0;

 protected:
  std::vector<Guess> forward(std::span<const Row> /*rows*/) override { return {}; }
  [[nodiscard]] const model_config::ModelConfig& cache_config() const override { return config_; }

 private:
  const model_config::ModelConfig& config_;
};

TEST_F(MtpDrafterTest, AMakerThatFailsToFollowIsNotAskedAgainAndNobodyNotices) {
  FailingMaker maker(model_->config());
  StepLoop loop(*model_, limits(), {}, {.draft_maker = &maker});
  const auto stream = add(loop, numbers(20, 1), 30, greedy());
  run(loop);
  EXPECT_EQ(maker.followed, 1);
  EXPECT_EQ(loop.drafts().mtp.drafted, 0U);
  EXPECT_EQ(answer_of(*stream), answer(numbers(20, 1), 30));
}

}  // namespace
}  // namespace hub::engine
