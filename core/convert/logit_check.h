#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"

namespace hub::convert {

namespace mx = mlx::core;

// A text as token ids; `logits` predict token i + 1 from tokens 0 … i.
using CheckText = std::vector<int>;

// How far a converted model's predictions are from those of the model it was made of.
struct LogitDifference {
  std::uint64_t tokens = 0;        // predicted
  double max_abs = 0.0;            // largest difference of two logits
  double mean_kl = 0.0;            // KL(before || after) in nats, mean over predicted tokens
  double top1_agreement = 0.0;     // share of positions with the same likeliest token
  double perplexity_before = 0.0;  // of the texts' own next tokens
  double perplexity_after = 0.0;
};

// Logits [tokens - 1, vocabulary] of each text, float32, evaluated; with the adapter where one is
// given. Texts of one token give none.
std::vector<mx::array> text_logits(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    std::span<const CheckText> texts);

// Compares the model's logits with `before` of the same texts, one text at a time; sums in double.
LogitDifference compare_logits(
    std::span<const mx::array> before,
    const models::LanguageModel& after,
    std::span<const CheckText> texts);

}  // namespace hub::convert
