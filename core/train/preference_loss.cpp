#include "core/train/preference_loss.h"

#include <cstddef>

#include <mlx/ops.h>

#include "core/tensor/ops.h"
#include "core/train/loss.h"

namespace hub::train {
namespace {

// P = 1 has no finite odds.
constexpr float kLargestLogProb = -1e-6F;

mx::array number(double value) {
  return mx::array(static_cast<float>(value));
}

// -log s(x), without overflow.
mx::array softplus_of_minus(const mx::array& x) {
  return mx::logaddexp(number(0.0), -x);
}

// {loss, rewards} summed over pairs.
mx::array sums_of(const mx::array& losses, const mx::array& chosen, const mx::array& rejected) {
  const mx::array wins = tensor::astype(mx::greater(chosen, rejected), mx::float32);
  return mx::stack({mx::sum(losses), mx::sum(chosen), mx::sum(rejected), mx::sum(wins)});
}

}  // namespace

PairBatch make_pair_batch(std::span<const data::Example> rows, const BatchShape& shape) {
  std::vector<data::Example> sequences;
  sequences.reserve(2 * rows.size());
  sequences.insert(sequences.end(), rows.begin(), rows.end());
  for (const data::Example& row : rows) {
    sequences.push_back(*row.rejected);
  }
  PairBatch pairs{.sequences = make_batch(sequences, shape), .targets = {}};
  for (const data::Example& sequence : sequences) {
    pairs.targets.push_back(static_cast<int>(trained_count(sequence, shape.max_tokens)));
  }
  return pairs;
}

AnswerLogProbs answer_log_probs(const PlacedModel& placed, const PairBatch& pairs, bool average) {
  const mx::array losses = target_losses(*placed.model, &placed.adapter, pairs.sequences);
  std::vector<mx::array> rows;
  rows.reserve(pairs.targets.size());
  int begin = 0;
  for (const int count : pairs.targets) {
    const mx::array own = mx::slice(losses, {begin}, {begin + count});
    rows.push_back(-(average ? mx::mean(own) : mx::sum(own)));
    begin += count;
  }
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  return {
      .chosen = mx::stack(std::vector<mx::array>(rows.begin(), middle)),
      .rejected = mx::stack(std::vector<mx::array>(middle, rows.end()))};
}

mx::array dpo_sums(
    const AnswerLogProbs& policy,
    const AnswerLogProbs& reference,
    const model_config::FinetuneParams& params) {
  const mx::array beta = number(params.beta);
  const mx::array chosen = policy.chosen - reference.chosen;
  const mx::array rejected = policy.rejected - reference.rejected;
  const mx::array x = chosen - rejected;
  const auto losses = [&] {
    if (params.loss_type == "ipo") {
      return mx::square(x - number(1.0 / (2.0 * params.beta)));
    }
    if (params.loss_type == "hinge") {
      return mx::maximum(number(1.0) - beta * x, number(0.0));
    }
    const mx::array likely = softplus_of_minus(beta * x);
    if (params.label_smoothing == 0.0) {
      return likely;
    }
    return number(1.0 - params.label_smoothing) * likely +
           number(params.label_smoothing) * softplus_of_minus(-(beta * x));
  };
  return sums_of(losses(), mx::stop_gradient(beta * chosen), mx::stop_gradient(beta * rejected));
}

mx::array orpo_sums(const AnswerLogProbs& policy, double beta) {
  // log(P / (1 - P)) from log P.
  const auto log_odds = [](const mx::array& log_prob) {
    const mx::array below_one = mx::minimum(log_prob, mx::array(kLargestLogProb));
    return below_one - mx::log(-mx::expm1(below_one));
  };
  const mx::array ratio = log_odds(policy.chosen) - log_odds(policy.rejected);
  const mx::array losses = number(beta) * softplus_of_minus(ratio) - policy.chosen;
  return sums_of(
      losses,
      mx::stop_gradient(number(beta) * policy.chosen),
      mx::stop_gradient(number(beta) * policy.rejected));
}

}  // namespace hub::train
