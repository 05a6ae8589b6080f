#include "core/engine/logit_rules.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace hub::engine {

namespace {

// Longer repetitions count as this long: the penalty has long become prohibitive.
constexpr std::size_t kLongestRepetition = 50;

std::span<const int> last_of(std::span<const int> tokens, std::size_t count) {
  return tokens.last(std::min(tokens.size(), count));
}

// What a rule with this context counts as said.
std::span<const int> said_within(const SaidTokens& said, const std::optional<int>& context) {
  return context ? last_of(said.all, static_cast<std::size_t>(*context))
                 : said.all.subspan(said.prompt_length);
}

// Each token once, and how often it occurs; without those outside the vocabulary.
std::map<int, int> counts_of(std::span<const int> tokens, std::size_t vocabulary) {
  std::map<int, int> counts;
  for (const int token : tokens) {
    if (token >= 0 && static_cast<std::size_t>(token) < vocabulary) {
      ++counts[token];
    }
  }
  return counts;
}

void penalize_repetition(std::span<float> logits, const LogitRules& rules, const SaidTokens& said) {
  for (const auto& [token, count] :
       counts_of(said_within(said, rules.repetition_context), logits.size())) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = logit < 0.0F ? logit * rules.repetition_penalty : logit / rules.repetition_penalty;
  }
}

void penalize_presence(std::span<float> logits, const LogitRules& rules, const SaidTokens& said) {
  for (const auto& [token, count] :
       counts_of(said_within(said, rules.presence_context), logits.size())) {
    logits[static_cast<std::size_t>(token)] -= rules.presence_penalty;
  }
}

void penalize_frequency(std::span<float> logits, const LogitRules& rules, const SaidTokens& said) {
  for (const auto& [token, count] :
       counts_of(said_within(said, rules.frequency_context), logits.size())) {
    logits[static_cast<std::size_t>(token)] -= rules.frequency_penalty * static_cast<float>(count);
  }
}

// How many tokens before `end` equal the last ones of all, up to a breaker.
std::size_t repeated_before(
    std::span<const int> tokens, std::size_t end, const std::vector<int>& breakers) {
  std::size_t length = 0;
  while (length < std::min(end, kLongestRepetition)) {
    const int token = tokens[tokens.size() - 1 - length];
    if (tokens[end - 1 - length] != token || std::ranges::find(breakers, token) != breakers.end()) {
      break;
    }
    ++length;
  }
  return length;
}

void penalize_dry(
    std::span<float> logits, const LogitRules::Dry& dry, std::span<const int> all_tokens) {
  const std::span<const int> tokens =
      dry.context ? last_of(all_tokens, static_cast<std::size_t>(*dry.context)) : all_tokens;
  std::map<int, std::size_t> longest;  // by the token that would go on with the repetition
  for (std::size_t end = 1; end < tokens.size(); ++end) {
    const std::size_t length = repeated_before(tokens, end, dry.breakers);
    if (length >= static_cast<std::size_t>(dry.allowed_length)) {
      std::size_t& known = longest[tokens[end]];
      known = std::max(known, length);
    }
  }
  for (const auto& [token, length] : longest) {
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size()) {
      const int beyond = static_cast<int>(length) - dry.allowed_length;
      logits[static_cast<std::size_t>(token)] -=
          dry.multiplier * std::pow(dry.base, static_cast<float>(beyond));
    }
  }
}

}  // namespace

bool changes_logits(const LogitRules& rules) {
  return !rules.bias.empty() || rules.repetition_penalty != 1.0F ||
         rules.presence_penalty != 0.0F || rules.frequency_penalty != 0.0F ||
         rules.dry.multiplier > 0.0F;
}

void change_logits(std::span<float> logits, const LogitRules& rules, const SaidTokens& said) {
  for (const auto& [token, bias] : rules.bias) {
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size()) {
      logits[static_cast<std::size_t>(token)] += bias;
    }
  }
  if (rules.repetition_penalty != 1.0F) {
    penalize_repetition(logits, rules, said);
  }
  if (rules.presence_penalty != 0.0F) {
    penalize_presence(logits, rules, said);
  }
  if (rules.frequency_penalty != 0.0F) {
    penalize_frequency(logits, rules, said);
  }
  if (rules.dry.multiplier > 0.0F) {
    penalize_dry(logits, rules.dry, said.all);
  }
}

}  // namespace hub::engine
