#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/decode_ahead.h"
#include "core/engine/drafter.h"
#include "core/engine/fair_shares.h"
#include "core/engine/prefill_pace.h"
#include "core/engine/prefix_cache.h"
#include "core/engine/scheduler.h"
#include "core/engine/sequence.h"
#include "core/engine/step_watch.h"
#include "core/models/language_model.h"

namespace hub::engine {

struct StepLoopOptions {
  // The caches of sequences that ended or gave way serve the next ones, within what the running
  // ones leave of the budget.
  bool keeps_prefixes = true;
  // Guessed and checked of one sequence in a step at most (drafter.h); 0: none.
  int speculative_tokens = 16;
  models::KvCacheOptions cache{};  // of each sequence
  // Guesses for what neither a grammar nor the text says (drafter.h); outlives the loop. The
  // limits' kv_bytes_per_token count its caches, too. Null: there is none.
  DraftMaker* draft_maker = nullptr;
  // Steps that need no token of the host begin before those of the last one are delivered
  // (decode_ahead.h): what a GPU wants, which else waits for the host after each step.
  bool runs_ahead = false;
  // Told of each step; outlives the loop.
  StepWatch* watch = nullptr;
};

// The sequences of an engine and what happens to them in a step: plan, run, deliver. Those of
// different scopes (PrefixOwner) are served fair: each scope is a key of fair_shares.h. Belongs to
// the thread that owns MLX. Every sequence that was added ends exactly once, with an event that has
// `finish` set.
class StepLoop {
 public:
  // `on_end` is called after a sequence's last event.
  StepLoop(
      const models::LanguageModel& model,
      StepLimits limits,
      std::function<void()> on_end = {},
      StepLoopOptions options = {});

  void add(std::unique_ptr<Sequence> sequence);

  // From the next step on the budget has so many bytes less, which somebody else holds.
  void leave_room(std::uint64_t bytes);

  // One forward over the sequences that the plan chose, or where it runs ahead the beginning of one
  // and the end of the one before it. A failure in it ends those sequences with
  // kError and leaves the others as they were. Sequences whose readers are gone end first.
  void step();

  // Ends everything with kCancelled.
  void cancel_all();

  [[nodiscard]] bool idle() const { return running_.empty() && waiting_.empty(); }
  [[nodiscard]] int running() const { return static_cast<int>(running_.size()); }
  [[nodiscard]] int waiting() const { return static_cast<int>(waiting_.size()); }
  // Adds how many wait of each scope.
  void count_waiting(std::map<std::string, int>& by_scope) const;
  [[nodiscard]] std::uint64_t prompt_tokens() const { return prompt_tokens_; }
  [[nodiscard]] std::uint64_t generated_tokens() const { return generated_tokens_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }  // forward passes
  // Sequences in those steps, summed.
  [[nodiscard]] std::uint64_t step_sequences() const { return step_sequences_; }
  [[nodiscard]] std::uint64_t preemptions() const { return preemptions_; }
  [[nodiscard]] std::uint64_t kv_bytes() const;
  // Tokens that were guessed and checked, and of them those that came, by who guessed.
  [[nodiscard]] const DraftCounts& drafts() const { return drafts_; }
  // Of prompt_tokens() those that were cached.
  [[nodiscard]] std::uint64_t cached_prompt_tokens() const { return cached_prompt_tokens_; }
  [[nodiscard]] const models::KvCacheOptions& cache_options() const { return options_.cache; }
  [[nodiscard]] const PrefixCache& prefixes() const { return prefixes_; }
  [[nodiscard]] const FairShares& shares() const { return shares_; }
  PrefixCache& prefixes() { return prefixes_; }
  // Called before a sequence that waited gets its cache; may add to prefixes().
  void on_admit(std::function<void(const Sequence&)> prepare) { on_admit_ = std::move(prepare); }
  // How many tokens of the sequence's beginning are in memory; 0: too few to be of use.
  [[nodiscard]] std::size_t known_beginning(const Sequence& sequence) const;

 private:
  using Sequences = std::deque<std::unique_ptr<Sequence>>;

  void end_cancelled();
  // Whether what one sequence computed serves another before it has ended.
  [[nodiscard]] bool shares_beginnings() const {
    return options_.keeps_prefixes && limits_.bytes_per_sequence == 0;
  }
  // Whether another one that reads its beginning still holds all of it then.
  [[nodiscard]] bool is_lent_whole(const Sequence& sequence) const {
    const auto window = static_cast<std::size_t>(options_.cache.window);
    return window == 0 || sequence.beginning().size() <= window;
  }
  // Lets those go on whose leaders (prefix_leader.h) are done or gone.
  void follow_leaders();
  void apply(const StepPlan& plan);
  void preempt(std::unique_ptr<Sequence> sequence);
  void admit(std::unique_ptr<Sequence> sequence);
  std::optional<models::KvCache> cached_beginning(const Sequence& sequence);
  [[nodiscard]] StepLimits paced_limits() const;
  std::vector<RunPart> parts_of(const StepPlan& plan);
  [[nodiscard]] std::vector<RunPart> awaited_parts() const;
  [[nodiscard]] bool goes_ahead(std::span<const RunPart> parts) const;
  // Runs the parts' step; where it goes ahead, begins it and finishes the one before it.
  void advance(std::span<RunPart> parts);
  void finish_ahead();
  void run(std::span<RunPart> parts);
  void learn(std::span<const RunPart> parts, double seconds);
  // For what was computed since the last time; before it ends.
  void charge(Sequence& sequence);
  // Whether the sequence goes on.
  bool deliver(Sequence& sequence, const std::optional<Drawn>& drawn, bool guessed);
  // The longest beginning in memory, and the running sequence that has it; null: prefixes_ has it.
  [[nodiscard]] std::pair<const Sequence*, std::size_t> longest_beginning(
      const Sequence& sequence) const;
  void end(Sequence& sequence, TokenEvent last);
  void forget_ended();

  const models::LanguageModel& model_;
  StepLimits limits_;
  const std::uint64_t kv_budget_bytes_;  // with what is left to others
  const std::function<void()> on_end_;
  const StepLoopOptions options_;
  std::function<void(const Sequence&)> on_admit_;
  BatchRunner runner_;
  DecodeAhead ahead_;
  double ahead_since_ = 0.0;  // base::steady_seconds() when its oldest step had the device alone
  Drafter drafter_;
  PrefillPace pace_;
  PrefixCache prefixes_;
  FairShares shares_;
  Sequences running_;  // in order of admission
  Sequences waiting_;  // in order of arrival; those that gave way come first
  std::uint64_t prompt_tokens_ = 0;
  std::uint64_t cached_prompt_tokens_ = 0;
  std::uint64_t generated_tokens_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t step_sequences_ = 0;
  std::uint64_t preemptions_ = 0;
  DraftCounts drafts_;
};

}  // namespace hub::engine
