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
  drop_cancelled(running_);
  drop_cancelled(waiting_);
  follow_leaders();
  const StepPlan plan =
      plan_step(views(running_), views(waiting_), paced_limits(), shares_.served());
  apply(plan);
  std::vector<RunPart> parts = parts_of(plan);
  if (parts.empty()) {
    return;
  }
  ++steps_;
  step_sequences_ += parts.size();
  if (options_.watch != nullptr) {
    options_.watch->begin(facts_of(parts));
  }
  drafter_.draft(parts);
  try {
    run(parts);
  } catch (const std::exception& error) {
    obs::log::error("step_failed", {{"sequences", parts.size()}, {"error", error.what()}});
    for (const RunPart& part : parts) {
      end(*part.sequence, {.finish = FinishReason::kError, .error = error.what()});
    }
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

void StepLoop::run(std::span<RunPart> parts) {
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

void StepLoop::learn(std::span<const RunPart> parts, double seconds) {
  drafter_.learn(parts, seconds);
  int decoding = 0;
  int prompt_rows = 0;
  for (const RunPart& part : parts) {
    decoding += part.decodes() ? 1 : 0;
    prompt_rows += part.decodes() ? 0 : part.rows;
  }
  pace_.add(decoding, prompt_rows, seconds);
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

void StepLoop::drop_cancelled(Sequences& sequences) {
  std::erase_if(sequences, [this](const std::unique_ptr<Sequence>& sequence) {
    const bool cancelled = sequence->stream->cancelled;
    if (cancelled) {
      end(*sequence, {.finish = FinishReason::kCancelled});
    }
    return cancelled;
  });
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

void StepLoop::charge(Sequence& sequence) {
  const int cached = sequence.cache ? sequence.cache->length() : 0;
  if (cached > sequence.charged) {  // else it computes again what it gave up when it gave way
    shares_.charge(sequence.key, token_cost(sequence.charged, cached, sequence.prompt_length));
    sequence.charged = cached;
  }
}

bool StepLoop::deliver(Sequence& sequence, const std::optional<Drawn>& drawn, bool guessed) {
  // A row of its prompt that could not be scored says as much of the model as its last one.
  if (!drawn || sequence.scores_prompt()) {
    end(sequence,
        {.finish = FinishReason::kError,
         .error = sequence.mask_error.empty() ? "the model's logits are not finite numbers"
                                              : sequence.mask_error});
    return false;
  }
  TokenEvent event;
  if (static_cast<int>(sequence.tokens.size()) == sequence.prompt_length) {
    prompt_tokens_ += sequence.tokens.size();
    cached_prompt_tokens_ += static_cast<std::uint64_t>(sequence.stream->cached_tokens.load());
    event.prompt = std::exchange(sequence.prompt_scores, {});
    sequence.tells_prompt = false;
  }
  const bool says_nothing = sequence.max_length == sequence.prompt_length;
  if (says_nothing || std::ranges::count(sequence.stop_ids, drawn->token) > 0) {
    event.finish = says_nothing ? FinishReason::kLength : FinishReason::kStop;
    if (!says_nothing) {
      event.stop = {.drawn = {.token = drawn->token, .logprob = drawn->logprob}, .top = drawn->top};
    }
    end(sequence, std::move(event));
    return false;
  }
  if (sequence.grammar) {
    try {
      sequence.grammar->accept(drawn->token);
    } catch (const std::exception& error) {
      end(sequence, {.finish = FinishReason::kError, .error = error.what()});
      return false;
    }
  }
  sequence.tokens.push_back(drawn->token);
  ++generated_tokens_;
  if (guessed) {
    ++drafts_.of(sequence.draft_source).accepted;
    ++sequence.stream->accepted_tokens;
  }
  event.token = drawn->token;
  event.logprob = drawn->logprob;
  event.top = drawn->top;
  event.seconds = base::steady_seconds();
  if (static_cast<int>(sequence.tokens.size()) >= sequence.max_length) {
    event.finish = FinishReason::kLength;
    end(sequence, std::move(event));
    return false;
  }
  sequence.stream->push(std::move(event));
  return true;
}

void StepLoop::end(Sequence& sequence, TokenEvent last) {
  if (sequence.ended) {
    return;
  }
  sequence.ended = true;
  if (sequence.cache) {
    sequence.cache->trim(static_cast<int>(sequence.tokens.size()));  // without the rest of a draft
  }
  charge(sequence);
  shares_.leave(sequence.key);
  // After an error nobody knows what the cache holds.
  if (options_.keeps_prefixes && sequence.cache && sequence.cache->is_whole() &&
      last.finish != FinishReason::kError) {
    prefixes_.keep(sequence.owner, sequence.cached_tokens(), std::move(*sequence.cache));
  }
  sequence.cache.reset();
  sequence.forget_drafts();
  sequence.stream->push(std::move(last));
  if (on_end_) {
    on_end_();
  }
}

void StepLoop::forget_ended() {
  std::erase_if(
      running_, [](const std::unique_ptr<Sequence>& sequence) { return sequence->ended; });
}

}  // namespace hub::engine
