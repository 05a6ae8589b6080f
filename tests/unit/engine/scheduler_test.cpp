#include "core/engine/scheduler.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SequenceView kDecoding{.cached = 10, .pending = 1, .capacity = 64};

SequenceView prompt(int tokens, int key = 0) {
  return {.cached = 0, .pending = tokens, .capacity = 0, .key = key};
}

std::vector<int> rows_of(const StepPlan& plan) {
  std::vector<int> rows(plan.parts.size());
  std::ranges::transform(plan.parts, rows.begin(), &StepPart::rows);
  return rows;
}

StepLimits roomy() {
  return {
      .max_running = 4,
      .prefill_chunk = 256,
      .kv_budget_bytes = 1'000'000,
      .kv_bytes_per_token = 1};
}

int total_rows(const StepPlan& plan) {
  return std::accumulate(
      plan.parts.begin(), plan.parts.end(), 0, [](int sum, const StepPart& part) {
        return sum + part.rows;
      });
}

TEST(PlanStep, NothingToDo) {
  const StepPlan plan = plan_step({}, {}, roomy());
  EXPECT_TRUE(plan.admit.empty());
  EXPECT_TRUE(plan.parts.empty());
}

TEST(PlanStep, ShortPromptIsReadAndSampledInOneStep) {
  const std::vector<SequenceView> waiting = {prompt(7)};
  const StepPlan plan = plan_step({}, waiting, roomy());
  EXPECT_THAT(plan.admit, ElementsAre(0));
  ASSERT_EQ(plan.parts.size(), 1U);
  EXPECT_EQ(plan.parts[0].rows, 7);
  EXPECT_TRUE(plan.parts[0].samples);
}

TEST(PlanStep, LongPromptIsCutAndDecodingGoesOnBesideIt) {
  const std::vector<SequenceView> running = {kDecoding, prompt(1000), kDecoding};
  const StepPlan plan = plan_step(running, {}, roomy());
  ASSERT_EQ(plan.parts.size(), 3U);
  EXPECT_EQ(plan.parts[0].rows, 1);
  EXPECT_TRUE(plan.parts[0].samples);
  EXPECT_EQ(plan.parts[1].rows, 256);
  EXPECT_FALSE(plan.parts[1].samples);
  EXPECT_EQ(plan.parts[2].rows, 1);
  EXPECT_TRUE(plan.parts[2].samples);
}

TEST(PlanStep, ShortPromptDoesNotWaitForALongOne) {
  const std::vector<SequenceView> running = {prompt(5000), prompt(20)};
  const StepPlan plan = plan_step(running, {}, roomy());
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_EQ(plan.parts[0].rows, 236);  // what the short one left
  EXPECT_EQ(plan.parts[1].rows, 20);
  EXPECT_TRUE(plan.parts[1].samples);
}

TEST(PlanStep, PromptRowsNeverExceedTheChunk) {
  StepLimits limits = roomy();
  limits.max_running = 32;
  const std::vector<SequenceView> running(20, prompt(100));
  const StepPlan plan = plan_step(running, {}, limits);
  EXPECT_EQ(total_rows(plan), 256);
  EXPECT_EQ(plan.parts.size(), 8U);  // 32 rows each; the others wait their turn
}

TEST(PlanStep, KeysShareThePromptRowsFirstThenTheirPrompts) {
  const std::vector<SequenceView> running = {
      prompt(1000, 0), prompt(1000, 0), prompt(1000, 0), prompt(1000, 1), kDecoding};
  EXPECT_THAT(rows_of(plan_step(running, {}, roomy())), ElementsAre(44, 42, 42, 128, 1));
  const std::vector<SequenceView> one_is_short = {prompt(1000, 0), prompt(1000, 0), prompt(10, 1)};
  EXPECT_THAT(rows_of(plan_step(one_is_short, {}, roomy())), ElementsAre(123, 123, 10))
      << "what a key does not use the others get";
}

TEST(PlanStep, MoreKeysThanRowsTakeTurnsByWhatTheyWereServed) {
  StepLimits limits = roomy();
  limits.prefill_chunk = 64;
  const std::vector<SequenceView> running = {prompt(1000, 0), prompt(1000, 1), prompt(1000, 2)};
  const std::vector<std::uint64_t> served = {100, 300, 200};
  const StepPlan plan = plan_step(running, {}, limits, served);
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_EQ(plan.parts[0].sequence, 0);
  EXPECT_EQ(plan.parts[1].sequence, 2);
}

TEST(PlanStep, TheKeyThatWasServedLeastStartsFirst) {
  StepLimits limits = roomy();
  const std::vector<SequenceView> waiting = {prompt(5, 0), prompt(5, 0), prompt(5, 1)};
  const std::vector<std::uint64_t> served = {100, 40};
  limits.max_running = 1;
  EXPECT_THAT(plan_step({}, waiting, limits, served).admit, ElementsAre(2));
  limits.max_running = 3;
  EXPECT_THAT(plan_step({}, waiting, limits, served).admit, ElementsAre(2, 0, 1));
}

TEST(PlanStep, PromptsThatStartedCountAsServed) {
  // All three keys are even: none starts its second before each has its first.
  const std::vector<SequenceView> waiting = {
      prompt(5, 0), prompt(5, 0), prompt(5, 0), prompt(5, 1), prompt(5, 2)};
  EXPECT_THAT(plan_step({}, waiting, roomy()).admit, ElementsAre(0, 3, 4, 1));
  const std::vector<SequenceView> running = {prompt(300, 0)};
  EXPECT_THAT(plan_step(running, waiting, roomy()).admit, ElementsAre(3, 4, 0))
      << "a prompt that is being read counts, too";
}

TEST(PlanStep, WhoGaveWayComesBackFirst) {
  std::vector<SequenceView> waiting = {prompt(5, 0), prompt(5, 1)};
  waiting[0].began = true;
  StepLimits limits = roomy();
  limits.max_running = 1;
  const std::vector<std::uint64_t> served = {1000, 0};
  EXPECT_THAT(plan_step({}, waiting, limits, served).admit, ElementsAre(0));
}

SequenceView with_priority(SequenceView view, int priority) {
  view.priority = priority;
  return view;
}

TEST(PlanStep, TheLowerPriorityNumberStartsFirstWhateverItsKeyWasServed) {
  const std::vector<SequenceView> waiting = {
      with_priority(prompt(5, 0), 1), prompt(5, 1), with_priority(prompt(5, 2), -1), prompt(5, 0)};
  const std::vector<std::uint64_t> served = {0, 10, 1000};
  EXPECT_THAT(plan_step({}, waiting, roomy(), served).admit, ElementsAre(2, 3, 1, 0));
}

TEST(PlanStep, PromptRowsGoToTheMoreImportantFirst) {
  const std::vector<SequenceView> running = {
      with_priority(prompt(1000, 0), 1), prompt(100, 1), prompt(100, 0)};
  EXPECT_THAT(rows_of(plan_step(running, {}, roomy())), ElementsAre(56, 100, 100));
}

TEST(PlanStep, TheLeastImportantGiveWayTheNewestOfThemFirst) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const SequenceView large{.cached = 400, .pending = 1, .capacity = 401};
  const std::vector<SequenceView> running = {
      with_priority(large, 1), large, with_priority(large, 1), large};
  const StepPlan plan = plan_step(running, {}, limits);
  EXPECT_THAT(plan.preempt, ElementsAre(0, 2));
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_EQ(plan.parts[1].sequence, 1) << "counted among those that are left";
}

TEST(PlanStep, AWaitingOneTakesThePlaceOfTheLessImportantOnly) {
  StepLimits limits = roomy();
  limits.max_running = 3;
  const std::vector<SequenceView> running = {
      with_priority(kDecoding, 2), with_priority(kDecoding, 5), with_priority(kDecoding, 5)};
  std::vector<SequenceView> waiting = {prompt(5), with_priority(prompt(5), 5)};
  StepPlan plan = plan_step(running, waiting, limits);
  EXPECT_THAT(plan.preempt, ElementsAre(2));
  EXPECT_THAT(plan.admit, ElementsAre(0)) << "and equals stay";
  ASSERT_EQ(plan.parts.size(), 3U);
  EXPECT_EQ(plan.parts[2].rows, 5);

  waiting = {with_priority(prompt(5), 5)};
  plan = plan_step(running, waiting, limits);
  EXPECT_THAT(plan.preempt, IsEmpty());
  EXPECT_THAT(plan.admit, IsEmpty());
}

TEST(PlanStep, NobodyGivesWayForOneThatWouldNotFitEvenThen) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const SequenceView large{.cached = 400, .pending = 1, .capacity = 401};
  const std::vector<SequenceView> running = {large, with_priority(kDecoding, 5)};
  std::vector<SequenceView> waiting = {prompt(600)};
  EXPECT_THAT(plan_step(running, waiting, limits).preempt, IsEmpty());
  waiting = {prompt(300)};
  EXPECT_THAT(plan_step(running, waiting, limits).preempt, ElementsAre(1));
}

TEST(PlanStep, LastPieceOfAPromptSamples) {
  const std::vector<SequenceView> running = {{.cached = 256, .pending = 44, .capacity = 300}};
  const StepPlan plan = plan_step(running, {}, roomy());
  ASSERT_EQ(plan.parts.size(), 1U);
  EXPECT_EQ(plan.parts[0].rows, 44);
  EXPECT_TRUE(plan.parts[0].samples);
}

TEST(PlanStep, MaxRunningHoldsBack) {
  const std::vector<SequenceView> running(3, kDecoding);
  const std::vector<SequenceView> waiting(3, prompt(4));
  EXPECT_THAT(plan_step(running, waiting, roomy()).admit, ElementsAre(0));
}

TEST(PlanStep, KvBudgetHoldsBackInOrder) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const std::vector<SequenceView> running = {{.cached = 500, .pending = 1, .capacity = 600}};
  const std::vector<SequenceView> waiting = {prompt(600), prompt(5)};
  EXPECT_THAT(
      plan_step(running, waiting, limits).admit, IsEmpty());  // the small one does not overtake
  const std::vector<SequenceView> small = {prompt(5), prompt(600)};
  EXPECT_THAT(plan_step(running, small, limits).admit, ElementsAre(0));
}

TEST(PlanStep, StatesOfSequencesCountToo) {
  StepLimits limits = roomy();
  const std::vector<SequenceView> waiting = {prompt(10), prompt(10)};
  EXPECT_THAT(plan_step({}, waiting, limits).admit, ElementsAre(0, 1));
  limits.bytes_per_sequence = 600'000;
  EXPECT_THAT(plan_step({}, waiting, limits).admit, ElementsAre(0));
  const std::vector<SequenceView> running = {kDecoding, kDecoding};
  EXPECT_THAT(plan_step(running, {}, limits).preempt, ElementsAre(1));
}

TEST(PlanStep, ASequenceAloneAlwaysRuns) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 100;
  const std::vector<SequenceView> waiting = {prompt(99), prompt(1)};
  EXPECT_THAT(plan_step({}, waiting, limits).admit, ElementsAre(0));
  const std::vector<SequenceView> running = {{.cached = 200, .pending = 1, .capacity = 200}};
  EXPECT_THAT(plan_step(running, {}, limits).preempt, IsEmpty());
}

TEST(PlanStep, OutgrownBudgetSendsTheNewestAwayAndAdmitsNobody) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const std::vector<SequenceView> running(
      3, SequenceView{.cached = 400, .pending = 1, .capacity = 401});
  const std::vector<SequenceView> waiting = {prompt(1)};
  const StepPlan plan = plan_step(running, waiting, limits);
  EXPECT_THAT(plan.preempt, ElementsAre(2));
  EXPECT_THAT(plan.admit, IsEmpty());
  EXPECT_EQ(plan.parts.size(), 2U);
}

TEST(PlanStep, CachesAreCountedWithTheRoomTheyKeep) {
  EXPECT_EQ(grown_capacity({.cached = 0, .pending = 5, .capacity = 0}), 64);
  EXPECT_EQ(grown_capacity({.cached = 0, .pending = 500, .capacity = 0}), 500);
  EXPECT_EQ(grown_capacity({.cached = 500, .pending = 1, .capacity = 501}), 501);
  EXPECT_EQ(grown_capacity({.cached = 500, .pending = 1, .capacity = 500}), 1000);
  EXPECT_EQ(grown_capacity({.cached = 500, .pending = 1, .capacity = 500}, 700), 700);
  EXPECT_EQ(grown_capacity({.cached = 5000, .pending = 9, .capacity = 700}, 700), 700);
}

}  // namespace
}  // namespace hub::engine
