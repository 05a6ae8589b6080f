#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/json.h"

namespace hub::model_config {

// The settings of an evaluation: what POST /evaluations accepts under "params" and what the worker
// gets. Every field has its default here and its range in from_json().
struct EvaluateParams {
  // loss: mean loss of the trained tokens, and perplexity. exact_match: the greedy answer is the
  // row's last assistant turn. multiple_choice: the likeliest of the row's choices is the answer.
  std::string task = "loss";
  std::optional<std::int64_t> max_rows;  // the first so many
  int max_seq_length = 2048;             // tokens; longer rows are cut at the end
  std::optional<int> batch_size;         // rows; absent: chosen by memory
  bool train_on_prompt = false;          // loss: prompts count, too
  int max_tokens = 64;                   // exact_match: of an answer

  // Throws kInvalidArgument naming the field, the range and what came; refuses unknown fields.
  static EvaluateParams from_json(const base::Json& json, const std::string& path);
  // With all defaults.
  [[nodiscard]] base::Json to_json() const;
};

// With exact_match so many rows are answered at once.
inline constexpr int kAnsweredAtOnce = 4;

}  // namespace hub::model_config
