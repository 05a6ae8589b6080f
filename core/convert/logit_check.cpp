#include "core/convert/logit_check.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/models/attend.h"
#include "core/tensor/ops.h"

namespace hub::convert {
namespace {

mx::array logits_of(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const CheckText& text) {
  const int rows = static_cast<int>(text.size()) - 1;
  const mx::array tokens(text.data(), mx::Shape{rows}, mx::int32);
  std::vector<nn::AdapterSpan> spans;
  if (adapter != nullptr) {
    spans.push_back({adapter, 0, rows});
  }
  const auto attend = models::causal_attend(model, 1, rows);
  mx::array logits = mx::contiguous(
      tensor::astype(model.logits(model.hidden(tokens, attend, spans), spans), mx::float32));
  logits.eval();
  return logits;
}

using Row = std::span<const float>;

// log of the sum of exponentials
double log_sum(Row row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (const float value : row) {
    sum += std::exp(static_cast<double>(value) - top);
  }
  return top + std::log(sum);
}

std::ptrdiff_t likeliest(Row row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}

struct Sums {
  std::uint64_t tokens = 0;
  std::uint64_t same = 0;
  double max_abs = 0.0;
  double kl = 0.0;
  double loss_before = 0.0;
  double loss_after = 0.0;

  void add(Row before, Row after, int next) {
    const double total_before = log_sum(before);
    const double total_after = log_sum(after);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double log_p = static_cast<double>(before[i]) - total_before;
      const double log_q = static_cast<double>(after[i]) - total_after;
      kl += std::exp(log_p) * (log_p - log_q);
      max_abs = std::max(max_abs, std::abs(static_cast<double>(before[i]) - after[i]));
    }
    const auto target = static_cast<std::size_t>(next);
    loss_before += total_before - static_cast<double>(before[target]);
    loss_after += total_after - static_cast<double>(after[target]);
    same += likeliest(before) == likeliest(after) ? 1U : 0U;
    ++tokens;
  }
};

}  // namespace

std::vector<mx::array> text_logits(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    std::span<const CheckText> texts) {
  std::vector<mx::array> logits;
  for (const CheckText& text : texts) {
    if (text.size() > 1) {
      logits.push_back(logits_of(model, adapter, text));
    }
  }
  return logits;
}

LogitDifference compare_logits(
    std::span<const mx::array> before,
    const models::LanguageModel& after,
    std::span<const CheckText> texts) {
  Sums sums;
  auto reference = before.begin();
  for (const CheckText& text : texts) {
    if (text.size() < 2) {
      continue;
    }
    const mx::array logits = logits_of(after, nullptr, text);
    if (reference == before.end() || reference->shape() != logits.shape()) {
      throw base::Error(base::ErrorCode::kInternal, "logits of other texts were compared");
    }
    const auto width = static_cast<std::size_t>(logits.shape(1));
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      sums.add(
          {reference->data<float>() + i * width, width},
          {logits.data<float>() + i * width, width},
          text[i + 1]);
    }
    ++reference;
  }
  if (sums.tokens == 0) {
    throw base::Error(base::ErrorCode::kUnprocessable, "there is no text to compare logits on");
  }
  const auto count = static_cast<double>(sums.tokens);
  return {
      .tokens = sums.tokens,
      .max_abs = sums.max_abs,
      .mean_kl = sums.kl / count,
      .top1_agreement = static_cast<double>(sums.same) / count,
      .perplexity_before = std::exp(sums.loss_before / count),
      .perplexity_after = std::exp(sums.loss_after / count)};
}

}  // namespace hub::convert
