// What becomes of a step's tokens, and of sequences that end.
#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/step_loop.h"

namespace hub::engine {

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

void StepLoop::end_cancelled() {
  for (const Sequences* sequences : {&running_, &waiting_}) {
    for (const auto& sequence : *sequences) {
      if (sequence->stream->cancelled) {
        end(*sequence, {.finish = FinishReason::kCancelled});
      }
    }
  }
  forget_ended();
}

void StepLoop::forget_ended() {
  ahead_.drop_ended();
  for (Sequences* sequences : {&running_, &waiting_}) {
    std::erase_if(
        *sequences, [](const std::unique_ptr<Sequence>& sequence) { return sequence->ended; });
  }
  if (running_.empty()) {
    ahead_.clear();
  }
}

}  // namespace hub::engine
