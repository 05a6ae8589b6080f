#include "api/llama_cpp/completion_body.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/llama_cpp/gbnf.h"
#include "api/llama_cpp/sampler_names.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Json;
using base::JsonReader;

constexpr std::array<std::string_view, 6> kSameFields{
    "model", "stream", "prompt", "keep_alive", "priority", "json_schema"};
constexpr std::array<FieldName, 3> kNames{
    {{"max_tokens", "n_predict"}, {"logprobs", "n_probs"}, {"guided_grammar", "grammar"}}};

void refuse_what_is_not_supported(const JsonReader& body) {
  for (const char* key : {"lora", "image_data", "multimodal_data"}) {
    if (body.has(key) && !body.value(key).empty()) {
      refuse_unsupported(body.path_of(key), "leave it out");
    }
  }
  const Json& prompt = body.value("prompt");
  if (prompt.is_array() && !prompt.empty() && !prompt.front().is_number()) {
    refuse_unsupported(body.path_of("prompt"), "one prompt was wanted, a string or token ids");
  }
}

// Pairs [token id, bias], where false takes the token away, or OpenAI's object.
void translate_bias(const JsonReader& body, Json& options) {
  if (!body.has("logit_bias") || !body.value("logit_bias").is_array()) {
    return;
  }
  constexpr int never = -100;
  Json bias = Json::object();
  for (const Json& pair : body.value("logit_bias")) {
    const bool is_pair = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer();
    if (!is_pair || (!pair[1].is_number() && pair[1] != false)) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          "'logit_bias' must hold pairs of a token id and a number or false, got " +
              pair.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60),
          "logit_bias");
    }
    bias[pair[0].dump()] = pair[1].is_number() ? pair[1] : Json(never);
  }
  options["logit_bias"] = std::move(bias);
}

}  // namespace

LlamaCompletion LlamaCompletion::from_json(const Json& json) {
  const JsonReader body(json);
  refuse_what_is_not_supported(body);
  Json options = Json::object();
  for (const std::string_view field : kSameFields) {
    if (body.has(field)) {
      options[std::string(field)] = body.value(field);
    }
  }
  copy_sampler(body, options);
  translate_bias(body, options);
  // -1: no limit but the context; -2: until the context is full.
  const auto most = body.optional_int("n_predict", -2, std::numeric_limits<int>::max());
  if (most && *most >= 0) {
    options["max_tokens"] = *most;
  }
  LlamaCompletion request;
  request.return_tokens = body.optional_bool("return_tokens").value_or(false);
  const std::int64_t probabilities =
      body.optional_int("n_probs", 0, GenerationOptions::kMaxTopLogprobs).value_or(0);
  request.tells_probabilities = probabilities > 0;
  if (request.return_tokens || request.tells_probabilities) {
    options["logprobs"] = probabilities;
  }
  if (body.has("grammar") && !body.string("grammar").empty()) {
    options["guided_grammar"] = lark_from_gbnf(body.string("grammar"), body.path_of("grammar"));
  }
  request.completion =
      read_translated(field_names(), [&options] { return CompletionRequest::from_json(options); });
  return request;
}

std::span<const FieldName> LlamaCompletion::field_names() {
  static const std::vector<FieldName> names = [] {
    std::vector<FieldName> all(sampler_names().begin(), sampler_names().end());
    all.insert(all.end(), kNames.begin(), kNames.end());
    return all;
  }();
  return names;
}

}  // namespace hub::api
