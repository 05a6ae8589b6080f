#include "core/engine/step_loop.h"

#include <algorithm>
#include <exception>
#include <utility>

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
    const models::LanguageModel& model, StepLimits limits, std::function<void()> on_end)
    : model_(model), limits_(limits), on_end_(std::move(on_end)), runner_(model) {}

void StepLoop::add(std::unique_ptr<Sequence> sequence) {
  waiting_.push_back(std::move(sequence));
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
    parts.push_back({.sequence = &sequence, .rows = part.rows, .samples = part.samples});
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
    next->cache.emplace(model_.config());
    const int known = static_cast<int>(next->tokens.size());
    next->capacity = std::min(known + kHeadroomTokens, next->max_length);
    next->cache->reserve(next->capacity);
    running_.push_back(std::move(next));
  }
}

void StepLoop::deliver(Sequence& sequence, const std::optional<Drawn>& drawn, double seconds) {
  if (!drawn) {
    end(sequence,
        {.finish = FinishReason::kError, .error = "the model's logits are not finite numbers"});
    return;
  }
  if (std::ranges::find(sequence.stop_ids, drawn->token) != sequence.stop_ids.end()) {
    end(sequence, {.finish = FinishReason::kStop});
    return;
  }
  if (static_cast<int>(sequence.tokens.size()) == sequence.prompt_length) {
    prompt_tokens_ += sequence.tokens.size();
  }
  sequence.tokens.push_back(drawn->token);
  ++generated_tokens_;
  TokenEvent event{.token = drawn->token, .logprob = drawn->logprob, .seconds = seconds};
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
