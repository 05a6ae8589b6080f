#include "api/openai/answer_logprobs.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

namespace hub::api {

using base::Json;

namespace {

// JSON has no infinity; OpenAI's server writes this for what is impossible.
constexpr float kImpossible = -9999.0F;

Json finite(std::optional<float> logprob) {
  if (!logprob) {
    return nullptr;
  }
  return std::isfinite(*logprob) ? *logprob : kImpossible;
}

// {token: logprob}; of tokens with the same text (parts of a character all have U+FFFD) the
// likeliest, which comes first.
Json top_json(const std::vector<AnswerToken>& top) {
  if (top.empty()) {
    return nullptr;
  }
  Json result = Json::object();
  for (const AnswerToken& likely : top) {
    if (!result.contains(likely.bytes)) {
      result[likely.bytes] = finite(likely.logprob);
    }
  }
  return result;
}

Json token_json(const AnswerToken& token) {
  Json bytes = Json::array();
  for (const char byte : token.bytes) {
    bytes.push_back(static_cast<unsigned char>(byte));
  }
  return {{"token", token.bytes}, {"logprob", finite(token.logprob)}, {"bytes", std::move(bytes)}};
}

}  // namespace

Json chat_logprobs(const std::vector<AnswerToken>& tokens) {
  Json content = Json::array();
  for (const AnswerToken& token : tokens) {
    Json one = token_json(token);
    one["top_logprobs"] = Json::array();
    for (const AnswerToken& likely : token.top) {
      one["top_logprobs"].push_back(token_json(likely));
    }
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json completion_logprobs(const std::vector<AnswerToken>& tokens, std::size_t offset) {
  Json result = {
      {"tokens", Json::array()},
      {"token_logprobs", Json::array()},
      {"top_logprobs", nullptr},
      {"text_offset", Json::array()}};
  const bool has_top =
      std::ranges::any_of(tokens, [](const AnswerToken& token) { return !token.top.empty(); });
  for (const AnswerToken& token : tokens) {
    result["tokens"].push_back(token.bytes);
    result["token_logprobs"].push_back(finite(token.logprob));
    result["text_offset"].push_back(offset);
    offset += token.characters.value_or(character_count(token.bytes));
    if (has_top) {
      result["top_logprobs"].push_back(top_json(token.top));
    }
  }
  return result;
}

std::size_t character_count(std::string_view bytes) {
  return static_cast<std::size_t>(std::ranges::count_if(
      bytes, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace hub::api
