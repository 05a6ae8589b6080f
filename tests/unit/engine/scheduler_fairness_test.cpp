// Whole lives of sequences played by plan_step() alone: what keys get of an engine over time.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/engine/fair_shares.h"
#include "core/engine/scheduler.h"

namespace hub::engine {
namespace {

struct Wish {
  std::string key;
  int prompt = 1;
  int answer = 1;
  int priority = 0;
};

struct Life {
  std::string key;
  int number = 0;  // order of arrival
  SequenceView view;
  int prompt = 0;
  int left = 0;
  int charged = 0;
};

// Does with sequences what StepLoop does, without a model.
class Play {
 public:
  explicit Play(StepLimits limits) : limits_(limits) {}

  void add(const Wish& wish) {
    Life life{
        .key = wish.key,
        .number = arrived_++,
        .view = {.pending = wish.prompt, .key = shares_.join(wish.key), .priority = wish.priority},
        .prompt = wish.prompt,
        .left = wish.answer};
    waiting_.push_back(life);
  }

  void step() {
    const StepPlan plan = plan_step(views(running_), views(waiting_), limits_, shares_.served());
    apply(plan);
    ASSERT_LE(running_.size(), static_cast<std::size_t>(limits_.max_running));
    for (const StepPart& part : plan.parts) {
      compute(running_[static_cast<std::size_t>(part.sequence)], part);
    }
    std::erase_if(running_, [this](const Life& life) {
      if (life.left <= 0) {
        ended_.push_back(life.number);
        shares_.leave(life.view.key);
      }
      return life.left <= 0;
    });
  }

  [[nodiscard]] bool idle() const { return running_.empty() && waiting_.empty(); }
  [[nodiscard]] int waiting(const std::string& key) const {
    return static_cast<int>(
        std::ranges::count_if(waiting_, [&](const Life& life) { return life.key == key; }));
  }
  [[nodiscard]] std::uint64_t work(const std::string& key) { return work_[key]; }
  [[nodiscard]] const std::vector<int>& started() const { return started_; }
  [[nodiscard]] const std::vector<int>& ended() const { return ended_; }
  [[nodiscard]] int preemptions() const { return preemptions_; }

 private:
  static std::vector<SequenceView> views(const std::vector<Life>& lives) {
    std::vector<SequenceView> result(lives.size());
    std::ranges::transform(lives, result.begin(), &Life::view);
    return result;
  }

  void apply(const StepPlan& plan) {
    std::vector<Life> starting;
    for (const int index : plan.admit) {
      starting.push_back(waiting_[static_cast<std::size_t>(index)]);
      started_.push_back(starting.back().number);
    }
    std::erase_if(waiting_, [&](const Life& life) {
      return std::ranges::find(starting, life.number, &Life::number) != starting.end();
    });
    for (auto index = plan.preempt.rbegin(); index != plan.preempt.rend(); ++index) {
      Life life = running_[static_cast<std::size_t>(*index)];
      running_.erase(running_.begin() + *index);
      life.view.pending += life.view.cached;
      life.view.cached = 0;
      life.view.capacity = 0;
      waiting_.insert(waiting_.begin(), life);
      ++preemptions_;
    }
    running_.insert(running_.end(), starting.begin(), starting.end());
  }

  void compute(Life& life, const StepPart& part) {
    life.view.began = true;
    life.view.capacity = grown_capacity(life.view);
    life.view.cached += part.rows;
    life.view.pending -= part.rows;
    ASSERT_EQ(part.samples, life.view.pending == 0);
    if (life.view.cached > life.charged) {
      const std::uint64_t cost = token_cost(life.charged, life.view.cached, life.prompt);
      shares_.charge(life.view.key, cost);
      work_[life.key] += cost;
      life.charged = life.view.cached;
    }
    if (part.samples) {
      life.view.pending = 1;
      --life.left;
    }
  }

  const StepLimits limits_;
  FairShares shares_;
  std::vector<Life> running_;
  std::vector<Life> waiting_;
  std::map<std::string, std::uint64_t> work_;
  std::vector<int> started_;
  std::vector<int> ended_;
  int arrived_ = 0;
  int preemptions_ = 0;
};

// 1 to `most`.
int up_to(std::mt19937& random, int most) {
  return 1 + static_cast<int>(random() % static_cast<unsigned>(most));
}

StepLimits roomy() {
  return {
      .max_running = 4,
      .prefill_chunk = 256,
      .kv_budget_bytes = 1'000'000,
      .kv_bytes_per_token = 1};
}

TEST(SchedulerFairness, OneRequestDoesNotWaitForAnotherKeysMany) {
  Play play(roomy());
  for (int i = 0; i < 200; ++i) {
    play.add({.key = "flood", .prompt = 20, .answer = 10});
  }
  for (int i = 0; i < 30; ++i) {
    play.step();
  }
  const std::size_t before = play.ended().size();
  play.add({.key = "single", .prompt = 20, .answer = 10});
  while (play.waiting("single") > 0) {
    play.step();
  }
  EXPECT_LE(play.ended().size(), before + 4) << "the first places that become free are its own";
  EXPECT_GT(play.waiting("flood"), 100);
}

TEST(SchedulerFairness, OfOneKeyTheFirstToComeStartsFirst) {
  Play play(roomy());
  for (int i = 0; i < 20; ++i) {
    play.add({.key = "a", .prompt = 5 + i, .answer = 3});
  }
  while (!play.idle()) {
    play.step();
  }
  EXPECT_TRUE(std::ranges::is_sorted(play.started()));
}

TEST(SchedulerFairness, AnImportantRequestIsDoneBeforeThoseThatRun) {
  Play play(roomy());
  for (int i = 0; i < 10; ++i) {
    play.add({.key = "batch", .prompt = 20, .answer = 100, .priority = 10});
  }
  play.step();
  play.add({.key = "person", .prompt = 20, .answer = 10});
  while (!play.idle()) {
    play.step();
  }
  EXPECT_EQ(play.ended().front(), 10);
  EXPECT_EQ(play.preemptions(), 1);
  EXPECT_EQ(play.ended().size(), 11U);
}

// While two keys have work waiting neither was served more than the other by more than what one key
// can have running: twice U = max(w_p * longest prompt, w_q * tokens that run), as the paper's
// theorem 4.4 has it.
TEST(SchedulerFairness, ServiceOfTwoKeysThatWaitDiffersByABoundedAmount) {
  constexpr int longest_prompt = 300;
  constexpr int longest_answer = 60;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto upto = [&](int most) { return up_to(random, most); };
    StepLimits limits = roomy();
    limits.max_running = upto(8);
    Play play(limits);
    const std::uint64_t bound =
        2 * std::max<std::uint64_t>(
                kPromptTokenCost * longest_prompt,
                kAnswerTokenCost * static_cast<std::uint64_t>(
                                       limits.max_running * (longest_prompt + longest_answer)));
    // One has many short ones, the other long ones.
    const int short_prompt = upto(longest_prompt / 10);
    for (int step = 0; step < 3000; ++step) {
      while (play.waiting("short") < 10) {
        play.add({.key = "short", .prompt = short_prompt, .answer = upto(8)});
      }
      while (play.waiting("long") < 2) {
        play.add({.key = "long", .prompt = upto(longest_prompt), .answer = upto(longest_answer)});
      }
      play.step();
      const std::uint64_t a = play.work("short");
      const std::uint64_t b = play.work("long");
      ASSERT_LE(std::max(a, b) - std::min(a, b), bound) << "seed " << seed << " step " << step;
    }
    EXPECT_GT(std::min(play.work("short"), play.work("long")), 2 * bound);
  }
}

TEST(SchedulerFairness, IdlingEarnsNoCredit) {
  Play play(roomy());
  play.add({.key = "sometimes", .prompt = 4, .answer = 1});
  for (int step = 0; step < 500; ++step) {
    while (play.waiting("always") < 4) {
      play.add({.key = "always", .prompt = 20, .answer = 10});
    }
    play.step();
  }
  // Now both have work: from here on both get half, whatever came before.
  const std::uint64_t before = play.work("always");
  for (int step = 0; step < 500; ++step) {
    for (const char* key : {"always", "sometimes"}) {
      while (play.waiting(key) < 4) {
        play.add({.key = key, .prompt = 20, .answer = 10});
      }
    }
    play.step();
  }
  const auto always = static_cast<double>(play.work("always") - before);
  const auto sometimes = static_cast<double>(play.work("sometimes"));
  EXPECT_NEAR(always / (always + sometimes), 0.5, 0.05);
}

TEST(SchedulerFairness, EverySequenceEndsUnderAnyLoad) {
  int preemptions = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const auto upto = [&](int most) { return up_to(random, most); };
    StepLimits limits = roomy();
    limits.max_running = upto(6);
    limits.kv_budget_bytes = 700;  // so that some must give way
    limits.prefill_chunk = 16 * upto(8);
    Play play(limits);
    constexpr int sequences = 60;
    int added = 0;
    int steps = 0;
    while (added < sequences || !play.idle()) {
      ASSERT_LT(++steps, 50'000) << "seed " << seed;
      if (added < sequences && random() % 4 == 0) {
        play.add(
            {.key = std::to_string(random() % 5),
             .prompt = upto(220),
             .answer = upto(250),
             .priority = static_cast<int>(random() % 3)});
        ++added;
      }
      play.step();
    }
    EXPECT_EQ(play.ended().size(), static_cast<std::size_t>(sequences));
    preemptions += play.preemptions();
  }
  EXPECT_GT(preemptions, 100);
}

TEST(SchedulerFairness, SameArrivalsSameOrderWhateverTheKeysAreCalled) {
  const auto starts = [](const std::vector<std::string>& names) {
    StepLimits limits = roomy();
    limits.kv_budget_bytes = 900;
    Play play(limits);
    std::mt19937 random(7);
    for (int i = 0; i < 80; ++i) {
      const int prompt = up_to(random, 200);
      const int answer = up_to(random, 400);
      play.add({.key = names[random() % names.size()], .prompt = prompt, .answer = answer});
      play.step();
    }
    while (!play.idle()) {
      play.step();
    }
    EXPECT_GT(play.preemptions(), 0);
    return play.started();
  };
  const std::vector<int> once = starts({"a", "b", "c"});
  EXPECT_EQ(starts({"a", "b", "c"}), once);
  EXPECT_EQ(starts({"z", "y", ""}), once);
}

}  // namespace
}  // namespace hub::engine
