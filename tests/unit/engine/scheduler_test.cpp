#include "core/engine/scheduler.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

constexpr SequenceView kDecoding{.cached = 10, .pending = 1, .capacity = 64};

SequenceView prompt(int tokens) {
  return {.cached = 0, .pending = tokens, .capacity = 0};
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
  EXPECT_EQ(plan.admit, 0);
  EXPECT_TRUE(plan.parts.empty());
}

TEST(PlanStep, ShortPromptIsReadAndSampledInOneStep) {
  const std::vector<SequenceView> waiting = {prompt(7)};
  const StepPlan plan = plan_step({}, waiting, roomy());
  EXPECT_EQ(plan.admit, 1);
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
  EXPECT_EQ(plan_step(running, waiting, roomy()).admit, 1);
}

TEST(PlanStep, KvBudgetHoldsBackInOrder) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const std::vector<SequenceView> running = {{.cached = 500, .pending = 1, .capacity = 600}};
  const std::vector<SequenceView> waiting = {prompt(600), prompt(5)};
  EXPECT_EQ(plan_step(running, waiting, limits).admit, 0);  // the small one does not overtake
  const std::vector<SequenceView> small = {prompt(5), prompt(600)};
  EXPECT_EQ(plan_step(running, small, limits).admit, 1);
}

TEST(PlanStep, StatesOfSequencesCountToo) {
  StepLimits limits = roomy();
  const std::vector<SequenceView> waiting = {prompt(10), prompt(10)};
  EXPECT_EQ(plan_step({}, waiting, limits).admit, 2);
  limits.bytes_per_sequence = 600'000;
  EXPECT_EQ(plan_step({}, waiting, limits).admit, 1);
  const std::vector<SequenceView> running = {kDecoding, kDecoding};
  EXPECT_EQ(plan_step(running, {}, limits).preempt, 1);
}

TEST(PlanStep, ASequenceAloneAlwaysRuns) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 100;
  const std::vector<SequenceView> waiting = {prompt(99), prompt(1)};
  EXPECT_EQ(plan_step({}, waiting, limits).admit, 1);
  const std::vector<SequenceView> running = {{.cached = 200, .pending = 1, .capacity = 200}};
  EXPECT_EQ(plan_step(running, {}, limits).preempt, 0);
}

TEST(PlanStep, OutgrownBudgetSendsTheNewestAwayAndAdmitsNobody) {
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 1000;
  const std::vector<SequenceView> running(
      3, SequenceView{.cached = 400, .pending = 1, .capacity = 401});
  const std::vector<SequenceView> waiting = {prompt(1)};
  const StepPlan plan = plan_step(running, waiting, limits);
  EXPECT_EQ(plan.preempt, 1);
  EXPECT_EQ(plan.admit, 0);
  EXPECT_EQ(plan.parts.size(), 2U);
}

TEST(PlanStep, CachesAreCountedWithTheRoomTheyKeep) {
  EXPECT_EQ(grown_capacity({.cached = 0, .pending = 5, .capacity = 0}), 64);
  EXPECT_EQ(grown_capacity({.cached = 0, .pending = 500, .capacity = 0}), 500);
  EXPECT_EQ(grown_capacity({.cached = 500, .pending = 1, .capacity = 501}), 501);
  EXPECT_EQ(grown_capacity({.cached = 500, .pending = 1, .capacity = 500}), 1000);
}

struct Life {
  SequenceView view;
  int left;
};

std::vector<SequenceView> views(const std::vector<Life>& lives) {
  std::vector<SequenceView> result(lives.size());
  std::ranges::transform(lives, result.begin(), &Life::view);
  return result;
}

TEST(PlanStep, EverySequenceEndsUnderAnyLoad) {
  // Plays whole lives by the plan: each needs `left` tokens after its prompt.
  StepLimits limits = roomy();
  limits.kv_budget_bytes = 700;
  std::vector<Life> running;
  std::vector<Life> waiting;
  waiting.reserve(12);
  for (int i = 0; i < 12; ++i) {
    waiting.push_back({prompt(20 + 17 * i), 5 + 30 * (i % 4)});
  }
  int steps = 0;
  while (!running.empty() || !waiting.empty()) {
    ASSERT_LT(++steps, 20000);
    const StepPlan plan = plan_step(views(running), views(waiting), limits);
    ASSERT_FALSE(plan.parts.empty());
    for (int i = 0; i < plan.preempt; ++i) {
      Life life = running.back();
      running.pop_back();
      life.view = {.cached = 0, .pending = life.view.cached + life.view.pending, .capacity = 0};
      waiting.insert(waiting.begin(), life);
    }
    running.insert(running.end(), waiting.begin(), waiting.begin() + plan.admit);
    waiting.erase(waiting.begin(), waiting.begin() + plan.admit);
    for (const StepPart& part : plan.parts) {
      Life& life = running[static_cast<std::size_t>(part.sequence)];
      life.view.capacity = grown_capacity(life.view);
      life.view.cached += part.rows;
      life.view.pending -= part.rows;
      if (part.samples) {
        life.view.pending = 1;
        --life.left;
      }
    }
    std::erase_if(running, [](const Life& life) { return life.left <= 0; });
  }
}

}  // namespace
}  // namespace hub::engine
