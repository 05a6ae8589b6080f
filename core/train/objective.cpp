#include "core/train/objective.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/train/loss.h"
#include "core/train/preference_loss.h"

namespace hub::train {
namespace {

class SftObjective final : public Objective {
 public:
  using Objective::Objective;

  LossBatch batch(std::span<const std::size_t> indices) override {
    Batch sequences = make_batch(rows().get(indices), shape());
    LossBatch result{
        .sums = {},
        .weight = sequences.trained_tokens,
        .trained_tokens = sequences.trained_tokens,
        .input_tokens = sequences.input_tokens};
    result.sums = [sequences = std::move(sequences)](const PlacedModel& placed) {
      return masked_loss_sum(*placed.model, &placed.adapter, sequences);
    };
    return result;
  }
};

LossBatch counted(const PairBatch& pairs) {
  return {
      .sums = {},
      .weight = pairs.targets.size() / 2,
      .trained_tokens = pairs.sequences.trained_tokens,
      .input_tokens = pairs.sequences.input_tokens};
}

class OrpoObjective final : public Objective {
 public:
  OrpoObjective(const data::Examples& rows, const BatchShape& shape, double beta)
      : Objective(rows, shape), beta_(beta) {}

  [[nodiscard]] bool compares() const override { return true; }

  LossBatch batch(std::span<const std::size_t> indices) override {
    PairBatch pairs = make_pair_batch(rows().get(indices), shape());
    LossBatch result = counted(pairs);
    result.sums = [pairs = std::move(pairs), beta = beta_](const PlacedModel& placed) {
      return orpo_sums(answer_log_probs(placed, pairs, true), beta);
    };
    return result;
  }

 private:
  double beta_;
};

class DpoObjective final : public Objective {
 public:
  DpoObjective(
      const data::Examples& rows,
      const BatchShape& shape,
      model_config::FinetuneParams params,
      PlacedModel start)
      : Objective(rows, shape),
        params_(std::move(params)),
        start_(std::move(start)),
        known_(2 * rows.size(), std::numeric_limits<float>::quiet_NaN()),
        shared_(rows.size(), false) {}

  [[nodiscard]] bool compares() const override { return true; }

  LossBatch batch(std::span<const std::size_t> indices) override {
    PairBatch pairs = make_pair_batch(rows().get(indices), shape());
    learn(pairs, indices);
    LossBatch result = counted(pairs);
    result.sums =
        [this, pairs = std::move(pairs), reference = known(indices)](const PlacedModel& placed) {
          return dpo_sums(answer_log_probs(placed, pairs, averages()), reference, params_);
        };
    return result;
  }

  [[nodiscard]] std::optional<mx::array> references() const override {
    if (known_.empty()) {
      return std::nullopt;  // a file holds no empty array
    }
    return mx::array(known_.begin(), {static_cast<int>(known_.size() / 2), 2}, mx::float32);
  }

  void restore(const mx::array& references) override {
    mx::array values = mx::contiguous(references);
    mx::eval(values);
    known_.assign(values.data<float>(), values.data<float>() + values.size());
    for (std::size_t row = 0; row < shared_.size(); ++row) {
      shared_[row] = is_known(row);
    }
  }

  void share(std::span<const std::size_t> rows, const ProcessGroup& group) override {
    const auto is_shared = [this](std::size_t row) -> bool { return shared_[row]; };
    if (group.size() == 1 || std::all_of(rows.begin(), rows.end(), is_shared)) {
      return;
    }
    // Sums of bits of which one rank has all.
    std::vector<std::int64_t> bits(2 * rows.size(), 0);
    const auto own = group.own_rows(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (std::find(own.begin(), own.end(), rows[i]) != own.end()) {
        bits[2 * i] = std::bit_cast<std::uint32_t>(known_[2 * rows[i]]);
        bits[2 * i + 1] = std::bit_cast<std::uint32_t>(known_[2 * rows[i] + 1]);
      }
    }
    bits = group.sum(std::move(bits));
    const auto value = [&bits](std::size_t i) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits[i]));
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
      known_[2 * rows[i]] = value(2 * i);
      known_[2 * rows[i] + 1] = value(2 * i + 1);
      shared_[rows[i]] = true;
    }
  }

 private:
  [[nodiscard]] bool is_known(std::size_t row) const { return !std::isnan(known_[2 * row]); }
  [[nodiscard]] bool averages() const { return params_.loss_type == "ipo"; }

  // The batch in which a row is first met decides the last bits of its figures, also after a
  // restart: those that are known stay.
  void learn(const PairBatch& pairs, std::span<const std::size_t> indices) {
    if (std::all_of(
            indices.begin(), indices.end(), [this](std::size_t row) { return is_known(row); })) {
      return;
    }
    AnswerLogProbs computed = answer_log_probs(start_, pairs, averages());
    mx::eval(computed.chosen, computed.rejected);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (!is_known(indices[i])) {
        known_[2 * indices[i]] = computed.chosen.data<float>()[i];
        known_[2 * indices[i] + 1] = computed.rejected.data<float>()[i];
      }
    }
  }

  [[nodiscard]] AnswerLogProbs known(std::span<const std::size_t> indices) const {
    std::vector<float> chosen;
    std::vector<float> rejected;
    for (const std::size_t index : indices) {
      chosen.push_back(known_[2 * index]);
      rejected.push_back(known_[2 * index + 1]);
    }
    const mx::Shape shape{static_cast<int>(indices.size())};
    return {
        .chosen = mx::array(chosen.begin(), shape, mx::float32),
        .rejected = mx::array(rejected.begin(), shape, mx::float32)};
  }

  model_config::FinetuneParams params_;
  PlacedModel start_;
  std::vector<float> known_;  // two a row: chosen, rejected; NaN: not computed yet
  std::vector<bool> shared_;  // known to every rank; equal on all
};

void check_rows(const data::Examples& rows, const std::string& objective) {
  const bool wants_pairs = objective != "sft";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if ((rows.counts(row).rejected_tokens > 0) != wants_pairs) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format(
              "objective {} wants rows {} a rejected answer, and row {} is one {}",
              objective,
              wants_pairs ? "with" : "without",
              row,
              wants_pairs ? "without" : "with"),
          "dataset",
          "dataset_format");
    }
  }
}

}  // namespace

std::unique_ptr<Objective> make_sft_objective(const data::Examples& rows, const BatchShape& shape) {
  return std::make_unique<SftObjective>(rows, shape);
}

std::unique_ptr<Objective> make_objective(
    const model_config::FinetuneParams& params,
    const data::Examples& rows,
    const BatchShape& shape,
    const std::function<PlacedModel()>& start) {
  check_rows(rows, params.objective);
  if (params.objective == "dpo") {
    return std::make_unique<DpoObjective>(rows, shape, params, start());
  }
  if (params.objective == "orpo") {
    return std::make_unique<OrpoObjective>(rows, shape, params.beta);
  }
  return make_sft_objective(rows, shape);
}

}  // namespace hub::train
