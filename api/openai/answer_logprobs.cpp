#include "api/openai/answer_logprobs.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace hub::api {

using base::Json;

namespace {

// JSON has no infinity; OpenAI's server writes this for what is impossible.
constexpr float kImpossible = -9999.0F;

float finite(float logprob) {
  return std::isfinite(logprob) ? logprob : kImpossible;
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
  for (const AnswerToken& token : tokens) {
    result["tokens"].push_back(token.bytes);
    result["token_logprobs"].push_back(finite(token.logprob));
    result["text_offset"].push_back(offset);
    offset += character_count(token.bytes);
    if (!token.top.empty()) {
      Json top = Json::object();
      for (const AnswerToken& likely : token.top) {
        top[likely.bytes] = finite(likely.logprob);
      }
      result["top_logprobs"].push_back(std::move(top));
    }
  }
  return result;
}

std::size_t character_count(std::string_view bytes) {
  return static_cast<std::size_t>(std::ranges::count_if(
      bytes, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace hub::api
