#include "core/engine/step_loop.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <mlx/transforms.h>

#include "core/base/clock.h"
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

}  // namespace

StepLoop::StepLoop(
    const models::LanguageModel& model,
    StepLimits limits,
    std::function<void()> on_end,
    bool keeps_prefixes)
    : model_(model),
      limits_(limits),
      kv_budget_bytes_(limits.kv_budget_bytes),
      on_end_(std::move(on_end)),
      keeps_prefixes_(keeps_prefixes),
      runner_(model),
      prefixes_(limits.bytes_per_sequence > 0) {}

void StepLoop::add(std::unique_ptr<Sequence> sequence) {
  waiting_.push_back(std::move(sequence));
}

void StepLoop::leave_room(std::uint64_t bytes) {
  limits_.kv_budget_bytes = kv_budget_bytes_ - std::min(kv_budget_bytes_, bytes);
}

void StepLoop::step() {
  drop_cancelled(running_);
  drop_cancelled(waiting_);
  const StepPlan plan = plan_step(views(running_), views(waiting_), limits_);
  apply(plan);
  std::vector<RunPart> parts;
  const double begun = base::steady_seconds();
  for (const StepPart& part : plan.parts) {
    Sequence& sequence = *running_[static_cast<std::size_t>(part.sequence)];
    sequence.capacity = grown_capacity(sequence.view());
    if (sequence.stream->began.load(std::memory_order_relaxed) == 0.0) {
      sequence.stream->began.store(begun, std::memory_order_relaxed);
    }
    // Fewer where a cached beginning was found after the plan.
    const int pending = sequence.view().pending;
    const int rows = std::min(part.rows, pending);
    parts.push_back({.sequence = &sequence, .rows = rows, .samples = rows == pending});
  }
  if (parts.empty()) {
    return;
  }
  ++steps_;
  step_sequences_ += parts.size();
  try {
    const std::vector<std::optional<Drawn>> drawn = runner_.run(parts);
    const double now = base::steady_seconds();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].samples) {
        deliver(*parts[i].sequence, drawn[i], now);
      }
    }
  } catch (const std::exception& error) {
    obs::log::error("step_failed", {{"sequences", parts.size()}, {"error", error.what()}});
    for (const RunPart& part : parts) {
      end(*part.sequence, {.finish = FinishReason::kError, .error = error.what()});
    }
  }
  forget_ended();
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
    bytes += sequence->cache ? sequence->cache->bytes() : 0;
  }
  return bytes;
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
  for (int i = 0; i < plan.preempt; ++i) {
    std::unique_ptr<Sequence> newest = std::move(running_.back());
    running_.pop_back();
    newest->cache.reset();
    newest->capacity = 0;
    waiting_.push_front(std::move(newest));
    ++preemptions_;
  }
  for (int i = 0; i < plan.admit; ++i) {
    std::unique_ptr<Sequence> next = std::move(waiting_.front());
    waiting_.pop_front();
    admit(std::move(next));
  }
  const std::uint64_t planned = planned_kv_bytes(views(running_), limits_);
  prefixes_.shrink(limits_.kv_budget_bytes - std::min(limits_.kv_budget_bytes, planned));
}

void StepLoop::admit(std::unique_ptr<Sequence> sequence) {
  sequence->cache = cached_beginning(*sequence);
  const int cached = sequence->cache ? sequence->cache->length() : 0;
  if (!sequence->cache) {
    sequence->cache.emplace(model_.config());
  }
  if (sequence->stream->began.load(std::memory_order_relaxed) == 0.0) {
    sequence->stream->cached_tokens.store(cached, std::memory_order_relaxed);
  }
  const int known = static_cast<int>(sequence->tokens.size());
  sequence->capacity = std::min(known + kHeadroomTokens, sequence->max_length);
  sequence->cache->reserve(sequence->capacity - cached);
  sequence->capacity = sequence->cache->capacity();
  running_.push_back(std::move(sequence));
}

// What of the sequence's beginning another one computed already, running or ended; at least its
// last token is always computed anew, for the logits.
std::optional<models::KvCache> StepLoop::cached_beginning(const Sequence& sequence) {
  if (!keeps_prefixes_) {
    return std::nullopt;
  }
  const auto wanted = std::span<const int>(sequence.tokens).first(sequence.tokens.size() - 1);
  const Sequence* running = nullptr;
  std::size_t longest = std::max(prefixes_.find(sequence.owner, wanted), kShortestPrefix - 1);
  for (const auto& other : running_) {
    const auto cached = other->cached_tokens();
    const std::size_t common = other->owner == sequence.owner ? common_prefix(cached, wanted) : 0;
    const bool is_usable = limits_.bytes_per_sequence == 0 || common == cached.size();
    if (is_usable && common > longest) {
      longest = common;
      running = other.get();
    }
  }
  try {
    if (running == nullptr) {
      return prefixes_.begin(sequence.owner, wanted);
    }
    models::KvCache copy = running->cache->prefix(static_cast<int>(longest));
    mlx::core::eval(copy.arrays());  // before the other one's arrays are written in place again
    return copy;
  } catch (const std::exception& error) {  // a copy for which there was no room
    obs::log::warning("prefix_not_copied", {{"tokens", longest}, {"error", error.what()}});
    return std::nullopt;
  }
}

void StepLoop::deliver(Sequence& sequence, const std::optional<Drawn>& drawn, double seconds) {
  if (!drawn) {
    end(sequence,
        {.finish = FinishReason::kError,
         .error = sequence.mask_error.empty() ? "the model's logits are not finite numbers"
                                              : sequence.mask_error});
    return;
  }
  if (std::ranges::find(sequence.stop_ids, drawn->token) != sequence.stop_ids.end()) {
    end(sequence, {.finish = FinishReason::kStop});
    return;
  }
  if (static_cast<int>(sequence.tokens.size()) == sequence.prompt_length) {
    prompt_tokens_ += sequence.tokens.size();
    cached_prompt_tokens_ += static_cast<std::uint64_t>(sequence.stream->cached_tokens.load());
  }
  if (sequence.grammar) {
    try {
      sequence.grammar->accept(drawn->token);
    } catch (const std::exception& error) {
      end(sequence, {.finish = FinishReason::kError, .error = error.what()});
      return;
    }
  }
  sequence.tokens.push_back(drawn->token);
  ++generated_tokens_;
  TokenEvent event{
      .token = drawn->token, .logprob = drawn->logprob, .top = drawn->top, .seconds = seconds};
  if (static_cast<int>(sequence.tokens.size()) >= sequence.max_length) {
    event.finish = FinishReason::kLength;
    end(sequence, std::move(event));
    return;
  }
  sequence.stream->push(std::move(event));
}

void StepLoop::end(Sequence& sequence, TokenEvent last) {
  if (sequence.ended) {
    return;
  }
  sequence.ended = true;
  // After an error nobody knows what the cache holds.
  if (keeps_prefixes_ && sequence.cache && last.finish != FinishReason::kError) {
    prefixes_.keep(sequence.owner, sequence.cached_tokens(), std::move(*sequence.cache));
  }
  sequence.cache.reset();
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
