#include "api/worker/engine_request.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::api {

namespace {

void check_token(const ServedModel& model, int token, std::string_view field) {
  const int vocabulary = model.engine.model_config().vocab_size;
  if (token >= vocabulary) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("'{}': token ids below {} were wanted, got {}", field, vocabulary, token),
        std::string(field));
  }
}

// The token that a text ends with when it stands behind another, as text-generation-webui finds
// its DRY breakers.
std::vector<int> last_tokens(
    const text::Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  std::vector<int> tokens;
  for (const std::string& text : texts) {
    if (!text.empty()) {
      tokens.push_back(tokenizer.encode("a" + text).back());
    }
  }
  return tokens;
}

}  // namespace

engine::GenerateRequest engine_request(
    const ServedModel& model,
    const GenerationOptions& options,
    const std::vector<int>& prompt,
    int answer) {
  engine::GenerateRequest request{
      .request_id = {},
      .prompt = prompt,
      .max_tokens = options.max_tokens.value_or(engine::kToTheContextsEnd),
      .sampling = options.sampling,
      .stop_ids = options.ignore_eos && !options.grammar ? std::vector<int>{} : model.stop_ids,
      .min_tokens = options.min_tokens,
      .priority = options.priority};
  if (request.sampling.seed) {
    *request.sampling.seed += static_cast<std::uint64_t>(answer);
  }
  for (const int token : options.stop_token_ids) {
    check_token(model, token, "stop_token_ids");
    request.stop_ids.push_back(token);
  }
  for (const auto& [token, bias] : options.sampling.rules.bias) {
    check_token(model, token, "logit_bias");
  }
  if (!options.prediction.empty()) {
    request.hint = model.tokenizer->encode(options.prediction);
  }
  if (options.grammar) {
    request.grammar = model.grammars->compile(*options.grammar);
  }
  if (request.sampling.rules.dry.multiplier > 0.0F) {
    request.sampling.rules.dry.breakers = last_tokens(*model.tokenizer, options.dry_breakers);
  }
  if (request.sampling.xtc_probability > 0.0F) {
    // As mlx_lm/server.py: without them an answer could hardly end.
    request.sampling.xtc_exempt = model.tokenizer->encode("\n");
    std::ranges::copy(request.stop_ids, std::back_inserter(request.sampling.xtc_exempt));
  }
  return request;
}

}  // namespace hub::api
