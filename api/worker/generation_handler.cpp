#include "api/worker/generation_handler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/text_stream.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using engine::FinishReason;
using engine::TextDelta;
using engine::TextStream;

// Long prompts say nothing for a while; proxies and clients give up on silent connections.
constexpr int kKeepAliveMs = 5000;

std::string request_id_of(const Request& request) {
  const std::string given = request.header("x-hub-request-id");
  return given.empty() ? request.request_id : given;
}

engine::SamplingParams sampling_of(const GenerationOptions& options) {
  return {
      .temperature = options.temperature,
      .top_p = options.top_p,
      .top_k = options.top_k,
      .min_p = options.min_p,
      .seed = options.seed};
}

// The running streams of one request and what is known of them so far. Reports its usage when it
// ends, in whatever way.
class Answer {
 public:
  Answer(const ServedModel& model, const Request& request, Generation generation);
  ~Answer();
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  std::string collect();
  void write(SseWriter& writer);

 private:
  TextStream submit(std::vector<int> prompt);
  bool write_choice(SseWriter& writer, int index);
  // Throws for an answer that is not whole.
  void take(const TextDelta& delta);
  AnswerUsage usage() const;
  base::EngineUsage measured() const;

  const ServedModel& model_;
  const std::string request_id_;
  const std::string adapter_;
  const std::string traceparent_;
  const Generation generation_;
  int prompt_tokens_ = 0;
  std::vector<TextStream> streams_;  // one a choice
  double first_text_ = 0.0;
  FinishReason finish_ = FinishReason::kCancelled;  // of the choice read last
};

Answer::Answer(const ServedModel& model, const Request& request, Generation generation)
    : model_(model),
      request_id_(request_id_of(request)),
      adapter_(request.header("x-hub-adapter")),
      traceparent_(request.header("traceparent")),
      generation_(std::move(generation)) {
  std::vector<std::function<void()>> cancellers;
  for (const std::vector<int>& prompt : generation_.prompts) {
    prompt_tokens_ += static_cast<int>(prompt.size());
    streams_.push_back(submit(prompt));
    cancellers.push_back(streams_.back().canceller());
  }
  *request.on_cancel = [cancellers = std::move(cancellers)] {
    for (const auto& cancel : cancellers) {
      cancel();
    }
  };
}

// A request that was refused made no Answer.
Answer::~Answer() {
  if (model_.on_usage) {
    model_.on_usage(measured());
  }
}

// The choices as one: it begins with the first of them and ends with the last.
base::EngineUsage Answer::measured() const {
  const double now = base::steady_seconds();
  double began = now;
  double first_token = now;
  double last_token = 0.0;
  base::InterTokenTimes inter_token;
  for (const TextStream& stream : streams_) {
    const engine::TokenTimes times = stream.times();
    began = times.began > 0.0 ? std::min(began, times.began) : began;
    first_token = times.first_token > 0.0 ? std::min(first_token, times.first_token) : first_token;
    last_token = std::max(last_token, times.last_token);
    inter_token.add(times.between);
  }
  const double seconds = now - generation_.arrived;
  return {
      .request_id = request_id_,
      .adapter = adapter_,
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

TextStream Answer::submit(std::vector<int> prompt) {
  const GenerationOptions& options = generation_.options;
  engine::GenerateRequest wanted{
      .request_id = request_id_,
      .prompt = std::move(prompt),
      .max_tokens = options.max_tokens.value_or(std::numeric_limits<int>::max()),
      .sampling = sampling_of(options),
      .stop_ids = model_.stop_ids};
  if (!adapter_.empty()) {
    wanted.adapter = adapter_;
  }
  try {
    return {model_.engine.submit(std::move(wanted)), model_.tokenizer, options.stop};
  } catch (const Error& error) {
    if (error.reason() == "context_length_exceeded") {  // the engine does not know the field
      throw Error(error.code(), error.what(), generation_.prompt_field, error.reason());
    }
    throw;
  }
}

void Answer::take(const TextDelta& delta) {
  if (first_text_ == 0.0) {
    first_text_ = base::steady_seconds();
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

AnswerUsage Answer::usage() const {
  AnswerUsage result{.prompt_tokens = prompt_tokens_};
  for (const TextStream& stream : streams_) {
    result.completion_tokens += stream.completion_tokens();
  }
  return result;
}

std::string Answer::collect() {
  std::vector<AnswerChoice> choices;
  for (TextStream& stream : streams_) {
    AnswerChoice choice;
    while (const auto delta = stream.next()) {
      take(*delta);
      choice.text += delta->text;
    }
    choice.finish_reason = to_string(finish_);
    choices.push_back(std::move(choice));
  }
  return generation_.format->whole(choices, usage());
}

void Answer::write(SseWriter& writer) {
  const AnswerFormat& format = *generation_.format;
  try {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (!write_choice(writer, static_cast<int>(i))) {
        finish_ = FinishReason::kCancelled;
        return;  // the client is gone; what still runs is cancelled by ending the streams
      }
    }
  } catch (const Error& error) {
    // The header was sent long ago: the error travels as an event, and no [DONE] follows.
    writer.data(
        error.code() == ErrorCode::kInternal
            ? error_body(
                  fmt::format("generation failed; the log has the reason under {}", request_id_),
                  type_of(500),
                  {},
                  "internal_error")
            : error_body(error));
    return;
  }
  if (generation_.options.include_usage) {
    writer.data(format.usage_chunk(usage()));
  }
  writer.data(AnswerFormat::kDone);
}

// False when the client is gone.
bool Answer::write_choice(SseWriter& writer, int index) {
  const AnswerFormat& format = *generation_.format;
  TextStream& stream = streams_[static_cast<std::size_t>(index)];
  const std::string opening = format.opening_chunk(index);
  if (!opening.empty() && !writer.data(opening)) {
    return false;
  }
  while (true) {
    bool timed_out = false;
    const auto delta = stream.next_for(kKeepAliveMs, &timed_out);
    if (timed_out) {
      if (!writer.comment()) {
        return false;
      }
      continue;
    }
    if (!delta) {
      return true;
    }
    take(*delta);
    if (!delta->text.empty() && !writer.data(format.text_chunk(index, delta->text))) {
      return false;
    }
    if (delta->finish && !writer.data(format.last_chunk(index, to_string(*delta->finish)))) {
      return false;
    }
  }
}

}  // namespace

Response generate(const ServedModel& model, const Request& request, Generation generation) {
  const bool streaming = generation.options.stream;
  // Shared because std::function must be copyable; there is one owner at a time.
  auto answer = std::make_shared<Answer>(model, request, std::move(generation));
  if (!streaming) {
    return json_response(200, answer->collect());
  }
  return sse_response([answer](SseWriter& writer) { answer->write(writer); });
}

AnswerHead answer_head(
    const ServedModel& model,
    const Request& request,
    std::string_view id_prefix,
    const GenerationOptions& options) {
  const std::string name = request.header("x-hub-model");
  return {
      .id = new_answer_id(id_prefix),
      .created_s = base::SystemClock().now_ms() / 1000,
      .model = name.empty() ? model.name : name,
      .include_usage = options.include_usage};
}

}  // namespace hub::api
