#include "core/train/evaluate.h"

#include <cmath>
#include <vector>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/train/loss.h"

namespace hub::train {

EvalResult evaluate(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    std::span<const data::Example> sequences,
    int batch_size,
    const BatchShape& shape,
    const KeepGoing& keep_going,
    const ProcessGroup& group) {
  std::vector<std::size_t> lengths;
  for (const data::Example& sequence : sequences) {
    lengths.push_back(sequence.tokens.size());
  }
  EvalResult result;
  double sum = 0.0;
  const auto rows = static_cast<std::size_t>(batch_size) * static_cast<std::size_t>(group.size());
  for (const auto& indices : plan_by_length(lengths, rows)) {
    if (keep_going && !keep_going(result.rows)) {
      throw base::Error(base::ErrorCode::kCancelled, "the evaluation was stopped");
    }
    const Batch batch = make_batch(sequences, group.own_rows(indices), shape);
    result.rows += indices.size();
    if (batch.trained_tokens == 0) {
      continue;
    }
    mx::array loss = masked_loss_sum(model, adapter, batch);
    sum += static_cast<double>(loss.item<float>());
    result.tokens += batch.trained_tokens;
  }
  sum = group.sum(sum);
  result.tokens = static_cast<std::uint64_t>(
      group.sum(std::vector<std::int64_t>{static_cast<std::int64_t>(result.tokens)}).front());
  if (result.tokens == 0) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        "no row of the data set has a trained token within max_seq_length",
        "dataset",
        "no_trained_tokens");
  }
  result.loss = sum / static_cast<double>(result.tokens);
  result.perplexity = std::exp(result.loss);
  return result;
}

}  // namespace hub::train
