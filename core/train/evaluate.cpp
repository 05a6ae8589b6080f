#include "core/train/evaluate.h"

#include <cmath>
#include <vector>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"

namespace hub::train {

EvalResult evaluate(
    const PlacedModel& placed,
    Objective& objective,
    int batch_size,
    const KeepGoing& keep_going,
    const ProcessGroup& group) {
  std::vector<std::size_t> lengths;
  for (const data::RowCounts& row : objective.rows().counts()) {
    lengths.push_back(row.longest());
  }
  EvalResult result;
  double sum = 0.0;
  std::size_t weight = 0;
  Rewards rewards;
  const auto at_once =
      static_cast<std::size_t>(batch_size) * static_cast<std::size_t>(group.size());
  for (const auto& indices : plan_by_length(lengths, at_once)) {
    if (keep_going && !keep_going(result.rows)) {
      throw base::Error(base::ErrorCode::kCancelled, "the evaluation was stopped");
    }
    result.rows += indices.size();
    const auto own = group.own_rows(indices);
    if (own.empty()) {
      continue;
    }
    const LossBatch batch = objective.batch(own);
    if (batch.weight == 0) {
      continue;
    }
    mx::array sums = batch.sums(placed);
    mx::eval(sums);
    const float* values = sums.data<float>();
    sum += static_cast<double>(values[0]);
    if (sums.ndim() > 0) {
      rewards.add(values + 1);
    }
    weight += batch.weight;
    result.tokens += batch.trained_tokens;
  }
  sum = group.sum(sum);
  const auto counts = group.sum(
      std::vector{static_cast<std::int64_t>(weight), static_cast<std::int64_t>(result.tokens)});
  weight = static_cast<std::size_t>(counts[0]);
  result.tokens = static_cast<std::uint64_t>(counts[1]);
  if (weight == 0) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        "no row of the data set has a trained token within max_seq_length",
        "dataset",
        "no_trained_tokens");
  }
  result.loss = sum / static_cast<double>(weight);
  result.perplexity = std::exp(result.loss);
  if (objective.compares()) {
    rewards = {
        .chosen = group.sum(rewards.chosen),
        .rejected = group.sum(rewards.rejected),
        .accuracy = group.sum(rewards.accuracy)};
    result.rewards = rewards.mean(static_cast<double>(weight));
  }
  return result;
}

EvalResult evaluate(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    const data::Examples& sequences,
    int batch_size,
    const BatchShape& shape,
    const KeepGoing& keep_going) {
  const auto objective = make_sft_objective(sequences, shape);
  const PlacedModel placed{&model, adapter == nullptr ? nn::LoraAdapter{} : *adapter, nullptr};
  return evaluate(placed, *objective, batch_size, keep_going);
}

}  // namespace hub::train
