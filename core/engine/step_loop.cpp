#include "core/engine/step_loop.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/engine/prefix_leader.h"
#include "core/obs/log.h"

namespace hub::engine {

namespace {

std::vector<SequenceView> views(const std::deque<std::unique_ptr<Sequence>>& sequences) {
  std::vector<SequenceView> result;
  result.reserve(sequences.size());
  for (const auto& sequence : sequences) {
    result.push_back(sequence->view());
  }
  return result;
}

std::vector<const Sequence*> pointers(const std::deque<std::unique_ptr<Sequence>>& sequences) {
  std::vector<const Sequence*> result;
  result.reserve(sequences.size());
  for (const auto& sequence : sequences) {
    result.push_back(sequence.get());
  }
  return result;
}

bool only_decodes(const StepPlan& plan) {
  return plan.admit.empty() && plan.preempt.empty() &&
         std::ranges::all_of(
             plan.parts, [](const StepPart& part) { return part.samples && part.rows == 1; });
}

StepFacts facts_of(std::span<const RunPart> parts) {
  constexpr std::size_t most_told = 8;
  StepFacts facts{.sequences = parts.size(), .requests = {}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Sequence& sequence = *parts[i].sequence;
    facts.rows += parts[i].rows;
    facts.longest = std::max(facts.longest, sequence.cache->length() + parts[i].rows);
    if (i < most_told) {
      facts.requests += (i == 0 ? "" : " ") + sequence.request_id;
    }
  }
  return facts;
}

}  // namespace

StepLoop::StepLoop(
    const models::LanguageModel& model,
    StepLimits limits,
    std::function<void()> on_end,
    StepLoopOptions options)
    : model_(model),
      limits_(limits),
      kv_budget_bytes_(limits.kv_budget_bytes),
      on_end_(std::move(on_end)),
      options_(options),
      runner_(model, options.draft_maker != nullptr && options.draft_maker->wants_hidden()),
      ahead_(model),
      drafter_(options.speculative_tokens, options.draft_maker),
      pace_(limits.prefill_chunk),
      prefixes_(limits.bytes_per_sequence > 0) {}

void StepLoop::add(std::unique_ptr<Sequence> sequence) {
  sequence->key = shares_.join(sequence->owner.scope);
  if (shares_beginnings() && is_lent_whole(*sequence) && !sequence->scores_prompt()) {
    auto ahead = pointers(running_);
    std::ranges::copy(pointers(waiting_), std::back_inserter(ahead));
    choose_leader(*sequence, known_beginning(*sequence), ahead);
  }
  waiting_.push_back(std::move(sequence));
}

void StepLoop::follow_leaders() {
  if (std::ranges::none_of(
          waiting_, [](const auto& sequence) { return sequence->leader != nullptr; })) {
    return;
  }
  auto ahead = pointers(running_);
  for (const auto& sequence : waiting_) {
    if (sequence->leader) {
      switch (leader_state(*sequence, ahead)) {
        case LeaderState::kWorks:
          break;
        case LeaderState::kDone:
          sequence->leader.reset();
          break;
        case LeaderState::kGone:
          choose_leader(*sequence, known_beginning(*sequence), ahead);
          break;
      }
    }
    ahead.push_back(sequence.get());
  }
}

void StepLoop::leave_room(std::uint64_t bytes) {
  limits_.kv_budget_bytes = kv_budget_bytes_ - std::min(kv_budget_bytes_, bytes);
}

void StepLoop::step() {
  end_cancelled();
  follow_leaders();
  const StepPlan plan =
      plan_step(views(running_), views(waiting_), paced_limits(), shares_.served());
  // What comes is known before the plan changes who takes part.
  const bool finishes = !ahead_.empty() && !only_decodes(plan);
  if (!finishes) {
    apply(plan);
  }
  std::vector<RunPart> parts = finishes ? awaited_parts() : parts_of(plan);
  if (parts.empty()) {
    return;
  }
  if (options_.watch != nullptr) {
    options_.watch->begin(facts_of(parts));
  }
  try {
    if (finishes) {
      finish_ahead();
    } else {
      drafter_.draft(parts);
      advance(parts);
    }
  } catch (const std::exception& error) {
    obs::log::error("step_failed", {{"sequences", parts.size()}, {"error", error.what()}});
    for (const RunPart& part : parts) {
      end(*part.sequence, {.finish = FinishReason::kError, .error = error.what()});
    }
    ahead_.clear();
  }
  if (options_.watch != nullptr) {
    options_.watch->end();
  }
  forget_ended();
}

// The plan's rows of sequences, with room in their caches.
std::vector<RunPart> StepLoop::parts_of(const StepPlan& plan) {
  std::vector<RunPart> parts;
  const double begun = base::steady_seconds();
  for (const StepPart& part : plan.parts) {
    Sequence& sequence = *running_[static_cast<std::size_t>(part.sequence)];
    sequence.capacity = grown_capacity(sequence.view(), limits_.most_rows);
    if (sequence.stream->began.load(std::memory_order_relaxed) == 0.0) {
      sequence.stream->began.store(begun, std::memory_order_relaxed);
    }
    // Fewer where a cached beginning was found after the plan.
    const int pending = sequence.view().pending;
    const int rows = std::min(part.rows, pending);
    parts.push_back({.sequence = &sequence, .rows = rows, .samples = rows == pending});
  }
  return parts;
}

// Whether the parts' next step can begin before the one that goes on has said its tokens.
bool StepLoop::goes_ahead(std::span<const RunPart> parts) const {
  return options_.runs_ahead && options_.draft_maker == nullptr &&
         limits_.bytes_per_sequence == 0 && std::ranges::all_of(parts, [](const RunPart& part) {
           return part.decodes() && part.draft.empty() && takes_likeliest(*part.sequence) &&
                  !part.sequence->scores_prompt();
         });
}

void StepLoop::advance(std::span<RunPart> parts) {
  if (!goes_ahead(parts)) {
    if (ahead_.empty()) {
      run(parts);
    } else {
      finish_ahead();
    }
    return;
  }
  if (ahead_.empty()) {
    ahead_since_ = base::steady_seconds();
  }
  const auto ending = std::ranges::stable_partition(parts, [](const RunPart& part) {
    const Sequence& sequence = *part.sequence;
    return static_cast<int>(sequence.tokens.size()) + sequence.awaited < sequence.max_length;
  });
  const auto going = parts.first(parts.size() - ending.size());
  if (!going.empty()) {
    ++steps_;
    step_sequences_ += going.size();
    ahead_.begin(going);
  }
  if (going.empty() || ahead_.size() > 1) {
    finish_ahead();
  }
}

void StepLoop::finish_ahead() {
  const auto parts =
      ahead_.finish([this](Sequence& sequence, const std::optional<Drawn>& drawn, bool guessed) {
        return deliver(sequence, drawn, guessed);
      });
  const double now = base::steady_seconds();
  learn(parts, now - std::exchange(ahead_since_, now));
  for (const RunPart& part : parts) {
    charge(*part.sequence);
  }
}

void StepLoop::run(std::span<RunPart> parts) {
  ++steps_;
  step_sequences_ += parts.size();
  const double begun = base::steady_seconds();
  for (const RunPart& part : parts) {
    drafts_.of(part.sequence->draft_source).drafted += part.draft.size();
    part.sequence->stream->drafted_tokens += static_cast<int>(part.draft.size());
  }
  runner_.run(parts, [this](Sequence& sequence, const std::optional<Drawn>& drawn, bool guessed) {
    return deliver(sequence, drawn, guessed);
  });
  learn(parts, base::steady_seconds() - begun);
  for (const RunPart& part : parts) {
    charge(*part.sequence);
  }
}

// The sequences of the steps that go on.
std::vector<RunPart> StepLoop::awaited_parts() const {
  std::vector<RunPart> parts;
  for (const auto& sequence : running_) {
    if (sequence->awaited > 0) {
      parts.push_back({.sequence = sequence.get(), .rows = 1, .samples = true});
    }
  }
  return parts;
}

// Prompts have fewer rows in a step that others wait for.
StepLimits StepLoop::paced_limits() const {
  StepLimits limits = limits_;
  if (std::ranges::any_of(
          running_, [](const auto& sequence) { return sequence->view().pending == 1; })) {
    limits.prefill_chunk = pace_.rows();
  }
  return limits;
}

void StepLoop::cancel_all() {
  ahead_.clear();
  for (Sequences* sequences : {&running_, &waiting_}) {
    for (const auto& sequence : *sequences) {
      end(*sequence, {.finish = FinishReason::kCancelled});
    }
    sequences->clear();
  }
}

std::uint64_t StepLoop::kv_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& sequence : running_) {
    bytes += sequence->kv_bytes();
  }
  return bytes;
}

void StepLoop::count_waiting(std::map<std::string, int>& by_scope) const {
  for (const auto& sequence : waiting_) {
    ++by_scope[sequence->owner.scope];
  }
}

void StepLoop::apply(const StepPlan& plan) {
  std::vector<std::unique_ptr<Sequence>> starting;
  starting.reserve(plan.admit.size());
  for (const int index : plan.admit) {
    starting.push_back(std::move(waiting_[static_cast<std::size_t>(index)]));
  }
  std::erase(waiting_, nullptr);
  for (auto index = plan.preempt.rbegin(); index != plan.preempt.rend(); ++index) {
    preempt(std::move(running_[static_cast<std::size_t>(*index)]));
  }
  std::erase(running_, nullptr);
  for (auto& sequence : starting) {
    admit(std::move(sequence));
  }
  const std::uint64_t planned = planned_kv_bytes(views(running_), limits_);
  prefixes_.shrink(limits_.kv_budget_bytes - std::min(limits_.kv_budget_bytes, planned));
}

// Its cache stays for its return as long as nobody needs the room.
void StepLoop::preempt(std::unique_ptr<Sequence> sequence) {
  if (options_.keeps_prefixes && sequence->cache->is_whole()) {
    prefixes_.keep(sequence->owner, sequence->cached_tokens(), std::move(*sequence->cache));
  }
  sequence->cache.reset();
  sequence->forget_drafts();
  sequence->capacity = 0;
  waiting_.push_front(std::move(sequence));
  ++preemptions_;
}

void StepLoop::admit(std::unique_ptr<Sequence> sequence) {
  if (on_admit_ && !sequence->scores_prompt()) {
    on_admit_(*sequence);
  }
  sequence->cache = cached_beginning(*sequence);
  if (!sequence->cache) {
    sequence->cache.emplace(model_.config(), options_.cache);
  }
  const int cached = sequence->cache->length();
  if (sequence->stream->began.load(std::memory_order_relaxed) == 0.0) {
    sequence->stream->cached_tokens.store(cached, std::memory_order_relaxed);
  }
  sequence->charged = std::max(sequence->charged, cached);
  const int known = static_cast<int>(sequence->tokens.size());
  sequence->capacity = std::min(known + kHeadroomTokens, sequence->max_length);
  if (limits_.most_rows > 0) {
    sequence->capacity = std::min(sequence->capacity, limits_.most_rows);
  }
  sequence->cache->reserve(sequence->capacity - cached);
  sequence->capacity = sequence->cache->capacity();
  running_.push_back(std::move(sequence));
}

std::pair<const Sequence*, std::size_t> StepLoop::longest_beginning(
    const Sequence& sequence) const {
  const auto wanted = sequence.beginning();
  const Sequence* running = nullptr;
  std::size_t longest = std::max(prefixes_.find(sequence.owner, wanted), kShortestPrefix - 1);
  for (const auto& other : running_) {
    const auto cached = other->cached_tokens();
    const std::size_t common = other->owner == sequence.owner ? common_prefix(cached, wanted) : 0;
    const bool is_usable = limits_.bytes_per_sequence == 0 || common == cached.size();
    if (is_usable && common > longest && other->cache->is_whole()) {
      longest = common;
      running = other.get();
    }
  }
  return {running, longest < kShortestPrefix ? 0 : longest};
}

std::size_t StepLoop::known_beginning(const Sequence& sequence) const {
  return longest_beginning(sequence).second;
}

// What of the sequence's beginning another one computed already, running or ended; at least its
// last token is always computed anew, for the logits, and all of it where those of all are wanted.
std::optional<models::KvCache> StepLoop::cached_beginning(const Sequence& sequence) {
  if (!options_.keeps_prefixes || sequence.scores_prompt()) {
    return std::nullopt;
  }
  const auto [running, longest] = longest_beginning(sequence);
  try {
    if (running == nullptr) {
      return prefixes_.begin(sequence.owner, sequence.beginning());
    }
    models::KvCache copy = running->cache->prefix(static_cast<int>(longest));
    mlx::core::eval(copy.arrays());  // before the other one's arrays are written in place again
    return copy;
  } catch (const std::exception& error) {  // a copy for which there was no room
    obs::log::warning("prefix_not_copied", {{"tokens", longest}, {"error", error.what()}});
    return std::nullopt;
  }
}

}  // namespace hub::engine
