#include "api/openai/prompts.h"

#include <limits>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, const Json& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format(
          "'{}' must be {}, got {}",
          path,
          wanted,
          got.is_array() && got.empty() ? "an empty array" : got.type_name()),
      path);
}

std::vector<int> read_tokens(const Json& tokens, const std::string& path) {
  std::vector<int> result;
  result.reserve(tokens.size());
  for (const Json& token : tokens) {
    const bool fits = token.is_number_integer() && token.get<double>() >= 0.0 &&
                      token.get<double>() <= std::numeric_limits<int>::max();
    if (!fits) {
      refuse(fmt::format("{}[{}]", path, result.size()), "a token id", token);
    }
    result.push_back(token.get<int>());
  }
  return result;
}

Prompt read_prompt(const Json& prompt, const std::string& path) {
  if (prompt.is_string()) {
    return prompt.get<std::string>();
  }
  if (!prompt.is_array() || prompt.empty()) {
    refuse(path, "a string or a non-empty array of token ids", prompt);
  }
  return read_tokens(prompt, path);
}

}  // namespace

std::vector<Prompt> read_prompts(const Json& value, const std::string& field, std::size_t most) {
  const bool is_list = value.is_array() && !value.empty() && !value.front().is_number();
  if (!is_list) {
    return {read_prompt(value, field)};
  }
  if (value.size() > most) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' may hold at most {} {}s, got {}", field, most, field, value.size()),
        field);
  }
  std::vector<Prompt> prompts;
  for (const Json& one : value) {
    prompts.push_back(read_prompt(one, fmt::format("{}[{}]", field, prompts.size())));
  }
  return prompts;
}

}  // namespace hub::api
