#include "api/worker/embedding_handler.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/openai/embedding_response.h"
#include "api/worker/request_id.h"
#include "core/base/clock.h"
#include "core/base/engine_events.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/engine/embedding.h"

namespace hub::api {

namespace {

// Beginnings and ends as the model was trained with: [CLS] and [SEP], or the token that "last"
// takes. Token ids come as they are.
constexpr bool kAddSpecial = true;

// Cuts what is longer than `tokens`; the last token stays, which may be an encoder's [SEP].
void keep_first(std::vector<int>& input, int tokens) {
  const auto most = static_cast<std::size_t>(tokens);
  if (input.size() > most) {
    input[most - 1] = input.back();
    input.resize(most);
  }
}

// What the model's own folder says, else what is usual for its kind.
model_config::Pooling pooling_of(const model_config::ModelConfig& config) {
  using model_config::Pooling;
  return config.pooling.value_or(config.encoder ? Pooling::kMean : Pooling::kLast);
}

engine::EmbedRequest engine_request(
    const ServedModel& model, const EmbeddingRequest& asked, const Request& request) {
  engine::EmbedRequest wanted;
  wanted.request_id = request_id_of(request);
  for (const Prompt& input : asked.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    wanted.inputs.push_back(
        text != nullptr ? model.tokenizer->encode(*text, kAddSpecial)
                        : std::get<std::vector<int>>(input));
    if (asked.truncates) {
      keep_first(wanted.inputs.back(), model.engine.context_length());
    }
  }
  wanted.pooling = asked.pooling.value_or(pooling_of(model.engine.model_config()));
  wanted.dimensions = asked.dimensions;
  wanted.normalize = asked.normalize;
  if (std::string adapter = request.header("x-hub-adapter"); !adapter.empty()) {
    wanted.adapter = std::move(adapter);
  }
  return wanted;
}

// Reports a request that the engine took, when it ends, in whatever way.
class Measured {
 public:
  Measured(const ServedModel& model, const Request& request, std::int64_t tokens, double arrived)
      : model_(model), arrived_(arrived) {
    usage_.request_id = request_id_of(request);
    usage_.adapter = request.header("x-hub-adapter");
    usage_.traceparent = request.header("traceparent");
    usage_.prompt_tokens = static_cast<int>(tokens);
    usage_.finish_reason = to_string(engine::FinishReason::kError);
  }
  ~Measured() {
    if (!model_.on_usage) {
      return;
    }
    const double now = base::steady_seconds();
    const double began = began_ > 0.0 ? began_ : now;
    usage_.seconds = now - arrived_;
    usage_.ttft_seconds = usage_.seconds;
    usage_.queue_seconds = began - arrived_;
    usage_.prefill_seconds = now - began;
    usage_.started_ns = base::unix_ns() - static_cast<std::int64_t>(usage_.seconds * 1e9);
    model_.on_usage(usage_);
  }
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;

  void ended(double began, engine::FinishReason reason) {
    began_ = began;
    usage_.finish_reason = to_string(reason);
  }

 private:
  const ServedModel& model_;
  const double arrived_;
  double began_ = 0.0;
  base::EngineUsage usage_;
};

}  // namespace

Embedded embed(const ServedModel& model, const Request& request, const EmbeddingRequest& asked) {
  const double arrived = base::steady_seconds();
  engine::EmbedRequest wanted = engine_request(model, asked, request);
  std::int64_t tokens = 0;
  for (const std::vector<int>& input : wanted.inputs) {
    tokens += static_cast<std::int64_t>(input.size());
  }
  engine::PendingVectors pending = model.engine.embed(std::move(wanted));
  Measured measured(model, request, tokens, arrived);
  *request.on_cancel = pending.canceller();
  try {
    Embedded result{.vectors = pending.get(), .tokens = tokens};
    measured.ended(pending.began(), engine::FinishReason::kStop);
    result.seconds = base::steady_seconds() - arrived;
    return result;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled ||
        error.code() == base::ErrorCode::kUnavailable) {
      measured.ended(pending.began(), engine::FinishReason::kCancelled);
    }
    throw;
  }
}

Response handle_embeddings(const ServedModel& model, const Request& request) {
  const EmbeddingRequest asked =
      EmbeddingRequest::from_json(base::parse_json(request.body, "the request body"));
  const Embedded embedded = embed(model, request, asked);
  const std::string name = request.header("x-hub-model");
  return json_response(
      200,
      embedding_answer(
          embedded.vectors, asked.encoding, name.empty() ? model.name : name, embedded.tokens));
}

}  // namespace hub::api
