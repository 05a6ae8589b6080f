#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/answer_format.h"
#include "api/openai/generation_options.h"
#include "api/server/http.h"
#include "api/worker/served_model.h"
#include "core/base/clock.h"
#include "core/chat/answer_parser.h"

namespace hub::api {

// One request for text, whatever route it came by.
struct Generation {
  double arrived = base::steady_seconds();  // when the request came into its handler
  GenerationOptions options;
  std::vector<std::vector<int>> prompts;     // token ids; each gives the choice of its index
  std::unique_ptr<WireFormat> format;        // how the route writes its answers
  std::optional<chat::AnswerShape> shape{};  // how answers are taken apart; absent: plain text
  std::string prompt_field;                  // the field that a too long prompt is blamed on
};

// Hands the prompts to the engine (what it refuses is thrown here, before any byte of the answer)
// and answers with the collected text, or with a stream of it. The client's going away ends
// generation. `model` outlives the answer.
//
// Headers of the proxy that are read: x-hub-request-id, x-hub-adapter (an attached adapter's id),
// x-hub-cache-scope (whose it is: who shares cached prefixes and a fair share of the engine),
// x-hub-load-seconds (AnswerHead::load_seconds),
// traceparent (told again with the request's usage).
Response generate(const ServedModel& model, const Request& request, Generation generation);

// What an answer says about itself: id, time, and the model as the client named it (x-hub-model).
AnswerHead answer_head(
    const ServedModel& model,
    const Request& request,
    std::string_view id_prefix,
    const GenerationOptions& options);

}  // namespace hub::api
