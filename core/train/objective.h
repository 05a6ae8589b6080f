#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mlx/array.h>

#include "core/data/example_source.h"
#include "core/model_config/finetune_params.h"
#include "core/train/batches.h"
#include "core/train/process_group.h"
#include "core/train/trainable.h"

namespace hub::train {

namespace mx = mlx::core;

// A batch of rows as an objective sees it.
struct LossBatch {
  // The summed loss, a float32 scalar; of preference objectives float32 [4], with the sums of
  // Rewards' fields behind it, which have no gradient. Only builds a graph.
  std::function<mx::array(const PlacedModel& placed)> sums;
  std::size_t weight = 0;          // what to divide the sums by: trained tokens, or pairs
  std::size_t trained_tokens = 0;  // of both answers of pairs
  std::size_t input_tokens = 0;    // without padding
};

// What a training lowers, over rows that it was made for. Belongs to the thread
// that owns MLX.
class Objective {
 public:
  Objective(data::Examples rows, BatchShape shape) : rows_(std::move(rows)), shape_(shape) {}
  virtual ~Objective() = default;

  // Whether rows are pairs, whose sums have Rewards behind the loss.
  [[nodiscard]] virtual bool compares() const { return false; }

  // The rows at `indices`, at least one. May compute what it compares with.
  [[nodiscard]] virtual LossBatch batch(std::span<const std::size_t> indices) = 0;

  // Log-probabilities under the model that the training began with, as far as they are known:
  // float32 [rows, 2], chosen and rejected, NaN where not. nullopt for an objective without, or
  // without rows.
  [[nodiscard]] virtual std::optional<mx::array> references() const { return std::nullopt; }
  // Takes over what references() gave in an earlier attempt.
  virtual void restore(const mx::array& /*references*/) {}
  // Tells every rank what each has learned of its own of `rows` (ProcessGroup::own_rows()), which
  // all of them have met: so all go on, and save, with the same. A collective.
  virtual void share(std::span<const std::size_t> /*rows*/, const ProcessGroup& /*group*/) {}

  [[nodiscard]] const data::Examples& rows() const { return rows_; }

 protected:
  [[nodiscard]] const BatchShape& shape() const { return shape_; }

 private:
  data::Examples rows_;
  BatchShape shape_;
};

// Cross-entropy of the trained tokens (loss.h), each of which counts the same. Of preference rows
// that is the chosen answer.
std::unique_ptr<Objective> make_sft_objective(const data::Examples& rows, const BatchShape& shape);

// params.objective: sft, or dpo or orpo (preference_loss.h), in which each pair counts the same.
// `start` gives the model as the training begins: dpo's reference, whose log-probabilities are
// computed when a row is first met and then kept; others do not call it. Throws kUnprocessable
// (`dataset_format`) for rows without two answers with dpo and orpo, and for rows with two with
// sft.
std::unique_ptr<Objective> make_objective(
    const model_config::FinetuneParams& params,
    const data::Examples& rows,
    const BatchShape& shape,
    const std::function<PlacedModel()>& start);

}  // namespace hub::train
