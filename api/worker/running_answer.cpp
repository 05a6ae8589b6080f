#include "api/worker/running_answer.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "api/openai/answer_logprobs.h"
#include "api/server/http_error.h"
#include "api/worker/engine_request.h"
#include "api/worker/request_id.h"
#include "core/base/clock.h"
#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using engine::FinishReason;
using engine::TextStream;

// Long prompts say nothing for a while; proxies and clients give up on silent connections.
constexpr int kKeepAliveMs = 5000;
// Of several choices the first that goes on is waited for; the others come in the same steps.
constexpr int kTurnMs = 50;
constexpr std::string_view kToolCalls = "tool_calls";  // a finish reason of the wire only

}  // namespace

RunningAnswer::RunningAnswer(
    const ServedModel& model, const Request& request, Generation generation)
    : model_(model),
      request_id_(request_id_of(request)),
      adapter_(request.header("x-hub-adapter")),
      traceparent_(request.header("traceparent")),
      cache_scope_(request.header("x-hub-cache-scope")),
      generation_(std::move(generation)) {
  std::vector<std::function<void()>> cancellers;
  for (std::size_t prompt = 0; prompt < generation_.prompts.size(); ++prompt) {
    prompt_tokens_ += static_cast<int>(generation_.prompts[prompt].size());
    for (int answer = 0; answer < generation_.options.best_of; ++answer) {
      answers_.push_back(submit(prompt, answer));
      cancellers.push_back(answers_.back().stream().canceller());
    }
  }
  characters_.assign(answers_.size(), 0);
  echoed_.assign(answers_.size(), false);
  if (model_.running) {
    place_.emplace(*model_.running, request_id_, prompt_tokens_);
  }
  *request.on_cancel = [cancellers = std::move(cancellers)] {
    for (const auto& cancel : cancellers) {
      cancel();
    }
  };
}

// A request that was refused made no answer.
RunningAnswer::~RunningAnswer() {
  if (model_.on_usage) {
    model_.on_usage(measured());
  }
}

// The choices as one: it begins with the first of them and ends with the last.
base::EngineUsage RunningAnswer::measured() const {
  const double now = base::steady_seconds();
  double began = now;
  double first_token = now;
  double last_token = 0.0;
  base::InterTokenTimes inter_token;
  for (const AnswerReader& answer : answers_) {
    const engine::TokenTimes times = answer.stream().times();
    began = times.began > 0.0 ? std::min(began, times.began) : began;
    first_token = times.first_token > 0.0 ? std::min(first_token, times.first_token) : first_token;
    last_token = std::max(last_token, times.last_token);
    inter_token.add(times.between);
  }
  const double seconds = now - generation_.arrived;
  return {
      .request_id = request_id_,
      .adapter = adapter_,
      .key_id = cache_scope_,
      .traceparent = traceparent_,
      .prompt_tokens = prompt_tokens_,
      .completion_tokens = usage().completion_tokens,
      .started_ns = base::unix_ns() - static_cast<std::int64_t>(seconds * 1e9),
      .seconds = seconds,
      .ttft_seconds = (first_text_ > 0.0 ? first_text_ : now) - generation_.arrived,
      .queue_seconds = began - generation_.arrived,
      .prefill_seconds = first_token - began,
      .decode_seconds = std::max(last_token - first_token, 0.0),
      .inter_token = inter_token,
      .finish_reason = std::string(to_string(finish_))};
}

AnswerReader RunningAnswer::submit(std::size_t prompt, int answer) {
  engine::GenerateRequest wanted =
      engine_request(model_, generation_.options, generation_.prompts[prompt], answer);
  wanted.request_id = request_id_;
  // The other answers of a prompt repeat what the first one found, but for streams, which may begin
  // in any order.
  wanted.prompt_logprobs = generation_.options.echo && generation_.options.logprobs &&
                           (answer == 0 || generation_.options.stream);
  wanted.cache_scope = cache_scope_;
  if (!adapter_.empty()) {
    wanted.adapter = adapter_;
  }
  try {
    return {
        TextStream(
            model_.engine.submit(std::move(wanted)),
            model_.tokenizer,
            generation_.options.stop,
            shown_tokens(*model_.tokenizer, generation_.shape)),
        generation_.shape};
  } catch (const Error& error) {
    if (error.reason() == "context_length_exceeded") {  // the engine does not know the field
      throw Error(error.code(), error.what(), generation_.prompt_field, error.reason());
    }
    throw;
  }
}

void RunningAnswer::take(const AnswerDelta& delta) {
  if (first_text_ == 0.0) {
    first_text_ = base::steady_seconds();
  }
  if (place_) {
    place_->count(usage().completion_tokens);
  }
  if (!delta.finish) {
    return;
  }
  finish_ = *delta.finish;
  if (finish_ == FinishReason::kError) {
    throw Error(ErrorCode::kInternal, delta.error);
  }
  if (finish_ == FinishReason::kCancelled) {
    throw Error(ErrorCode::kUnavailable, "the engine stopped before the answer was whole");
  }
}

AnswerUsage RunningAnswer::usage() const {
  AnswerUsage result{.prompt_tokens = prompt_tokens_};
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    const AnswerReader& answer = answers_[i];
    const TextStream& stream = answer.stream();
    // A prompt is counted once, and so is what was cached of it: before its first answer.
    if (i % static_cast<std::size_t>(generation_.options.best_of) == 0) {
      result.cached_tokens += stream.cached_tokens();
    }
    result.reasoning_tokens += answer.reasoning_tokens();
    result.completion_tokens += stream.completion_tokens();
    result.drafted_tokens += stream.drafted_tokens();
    result.accepted_tokens += stream.accepted_tokens();
  }
  return result;
}

AnswerUsage RunningAnswer::timed_usage() const {
  const base::EngineUsage so_far = measured();
  AnswerUsage result = usage();
  result.seconds = so_far.seconds;
  result.prefill_seconds = so_far.prefill_seconds;
  result.decode_seconds = so_far.decode_seconds;
  return result;
}

// What each choice of the prompt begins with. `scored`: the stream of an answer that was asked for
// the prompt's logprobs, with its first delta read.
PromptEcho RunningAnswer::echo(std::size_t prompt, const TextStream& scored) const {
  return echo_of(
      model_.tokenizer,
      generation_.prompts[prompt],
      generation_.options.logprobs ? &scored.prompt() : nullptr);
}

// The tokens of a delta, as far as they are told. Who gets the prompt's tokens counts those that
// follow, so that a stop id has to be among them, with no text.
std::vector<AnswerToken> RunningAnswer::tokens_of(const AnswerDelta& delta) const {
  if (!generation_.options.logprobs) {
    return {};
  }
  std::vector<AnswerToken> tokens = told(*model_.tokenizer, delta.tokens);
  if (generation_.options.echo && delta.stop) {
    tokens.push_back(told(*model_.tokenizer, *delta.stop));
    tokens.back().characters = 0;
  }
  return tokens;
}

// `mean_logprob`: of its tokens.
AnswerChoice RunningAnswer::collect_choice(AnswerReader& answer, double& mean_logprob) {
  AnswerChoice choice;
  chat::ChatAnswer parts;
  bool calls = false;
  double sum = 0.0;
  int count = 0;
  std::optional<bool> is_text;  // what comes; absent before the first piece
  while (const auto delta = answer.next()) {
    take(*delta);
    std::ranges::for_each(delta->pieces, [&](const auto& piece) { parts.add(piece); });
    calls = delta->calls;
    for (const engine::TextToken& token : delta->tokens) {
      sum += static_cast<double>(token.drawn.logprob);
      ++count;
    }
    const std::size_t known = choice.tokens.size();
    std::ranges::move(tokens_of(*delta), std::back_inserter(choice.tokens));
    mark_text(choice.tokens, known, delta->pieces, is_text);
  }
  mean_logprob = count == 0 ? 0.0 : sum / count;
  choice.text = std::move(parts.text);
  choice.reasoning = std::move(parts.reasoning);
  choice.calls = std::move(parts.calls);
  choice.finish_reason = calls ? kToolCalls : to_string(finish_);
  choice.stop = answer.stream().stop();
  return choice;
}

std::string RunningAnswer::collect() {
  const auto made = static_cast<std::size_t>(generation_.options.best_of);
  const auto wanted = static_cast<std::size_t>(generation_.options.n);
  std::vector<AnswerChoice> choices;
  for (std::size_t first = 0; first < answers_.size(); first += made) {
    std::vector<AnswerChoice> answers(made);
    std::vector<double> mean_logprobs(made);
    for (std::size_t i = 0; i < made; ++i) {
      answers[i] = collect_choice(answers_[first + i], mean_logprobs[i]);
    }
    std::vector<std::size_t> order(made);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (made > wanted) {
      std::ranges::stable_sort(
          order, std::greater<>(), [&](std::size_t i) { return mean_logprobs[i]; });
    }
    const PromptEcho begin =
        generation_.options.echo ? echo(first / made, answers_[first].stream()) : PromptEcho{};
    for (std::size_t i = 0; i < wanted; ++i) {
      choices.push_back(std::move(answers[order[i]]));
      AnswerChoice& choice = choices.back();
      choice.text.insert(0, begin.text);
      choice.tokens.insert(choice.tokens.begin(), begin.tokens.begin(), begin.tokens.end());
    }
  }
  return generation_.format->whole(choices, timed_usage());
}

std::string RunningAnswer::stream_type() const {
  const std::string_view type = generation_.format->stream_type();
  return std::string(type) + (type == WireFormat::kEventStream ? "; charset=utf-8" : "");
}

void RunningAnswer::write(BodyWriter& body) {
  try {
    if (!write_choices(body)) {
      finish_ = FinishReason::kCancelled;
      return;  // the client is gone; what still runs is cancelled by ending the streams
    }
  } catch (const Error& error) {
    // The header was sent long ago: the error travels in the stream, which then has no ending.
    body.write(generation_.format->failure(
        error.code() != ErrorCode::kInternal
            ? error
            : Error(
                  ErrorCode::kInternal,
                  fmt::format("generation failed; the log has the reason under {}", request_id_),
                  {},
                  "internal_error")));
    return;
  }
  body.write(generation_.format->ending(timed_usage()));
}

// False when the client is gone.
bool RunningAnswer::write_choices(BodyWriter& body) {
  std::vector<std::size_t> open(answers_.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  for (const std::size_t choice : open) {
    const std::string opening = generation_.format->opening(static_cast<int>(choice));
    if (!opening.empty() && !body.write(opening)) {
      return false;
    }
  }
  double last_written = base::steady_seconds();
  while (!open.empty()) {
    int timeout_ms = open.size() == 1 ? kKeepAliveMs : kTurnMs;
    for (std::size_t i = 0; i < open.size();) {
      const Progress progress = write_next(body, open[i], std::exchange(timeout_ms, 0));
      if (progress == Progress::kClientGone) {
        return false;
      }
      if (progress != Progress::kWaits) {
        last_written = base::steady_seconds();
      }
      if (progress == Progress::kEnded) {
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    if (base::steady_seconds() - last_written > kKeepAliveMs / 1000.0) {
      const std::string nothing = generation_.format->keep_alive();
      if (!nothing.empty() && !body.write(nothing)) {
        return false;
      }
      last_written = base::steady_seconds();
    }
  }
  return true;
}

// Writes what a choice has to say within the time.
RunningAnswer::Progress RunningAnswer::write_next(
    BodyWriter& body, std::size_t choice, int timeout_ms) {
  bool timed_out = false;
  const auto delta = answers_[choice].next_for(timeout_ms, &timed_out);
  if (timed_out) {
    return Progress::kWaits;
  }
  if (!delta) {
    return Progress::kEnded;
  }
  take(*delta);
  if (!write_echo(body, choice) || !write_delta(body, choice, *delta)) {
    return Progress::kClientGone;
  }
  if (!delta->finish) {
    return Progress::kGoesOn;
  }
  const AnswerPiece last{
      .text = {},
      .finish_reason = delta->calls ? kToolCalls : to_string(*delta->finish),
      .stop = answers_[choice].stream().stop()};
  return write_piece(body, choice, last) ? Progress::kEnded : Progress::kClientGone;
}

// False when the client is gone.
bool RunningAnswer::write_piece(BodyWriter& body, std::size_t choice, const AnswerPiece& piece) {
  const std::string bytes = generation_.format->piece(static_cast<int>(choice), piece);
  return bytes.empty() || body.write(bytes);
}

// The prompt, once, in front of the choice's first text; likewise.
bool RunningAnswer::write_echo(BodyWriter& body, std::size_t choice) {
  if (!generation_.options.echo || echoed_[choice]) {
    return true;
  }
  echoed_[choice] = true;
  const auto prompt = choice / static_cast<std::size_t>(generation_.options.best_of);
  PromptEcho begin = echo(prompt, answers_[choice].stream());
  characters_[choice] = character_count(begin.text);
  return write_piece(
      body, choice, {.text = begin.text, .tokens = std::move(begin.tokens), .offset = 0});
}

// A piece for each part; the tokens go with the first, or alone. Likewise.
bool RunningAnswer::write_delta(BodyWriter& body, std::size_t choice, const AnswerDelta& delta) {
  std::vector<AnswerToken> tokens = tokens_of(delta);
  for (const chat::ChatPiece& part : delta.pieces) {
    const bool written = write_piece(
        body,
        choice,
        {.text = part.text,
         .tokens = std::exchange(tokens, {}),
         .offset = characters_[choice],
         .kind = part.kind,
         .call = part.call,
         .call_id = part.id,
         .call_name = part.name});
    if (!written) {
      return false;
    }
    if (part.kind == chat::ChatPiece::Kind::kText) {
      characters_[choice] += character_count(part.text);
    }
  }
  return tokens.empty() ||
         write_piece(
             body,
             choice,
             {.text = {}, .tokens = std::move(tokens), .offset = characters_[choice]});
}

}  // namespace hub::api
