#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/nn/embedding.h"
#include "core/nn/linear.h"
#include "core/nn/lora.h"
#include "core/nn/switch_linear.h"

namespace hub::models {

// Where a module is: "model.layers.12.mlp.up_proj" is {12, "mlp.up_proj"}; outside the layers it is
// {nullopt, the path}.
struct LayerPath {
  std::optional<int> layer;
  std::string relative;
};
LayerPath split_path(const std::string& path);

// A module that may get low-rank factors: a linear, the embedding table, whose factors are
// A [vocabulary, rank] and B [rank, width], or a linear of experts, which has factors for each.
// Refers to the model. Only builds graphs.
class Adaptable {
 public:
  explicit Adaptable(const nn::Linear& linear) : linear_(&linear) {}
  explicit Adaptable(const nn::Embedding& embedding) : embedding_(&embedding) {}
  explicit Adaptable(const nn::SwitchLinear& experts) : experts_(&experts) {}

  [[nodiscard]] const std::string& path() const;
  [[nodiscard]] LayerPath place() const { return split_path(path()); }

  [[nodiscard]] int in() const;
  [[nodiscard]] int out() const;
  // 0: no linear of experts.
  [[nodiscard]] int experts() const;
  // Of the factors, as mlx-lm stores them: A [in, rank], B [rank, out]; with experts A [experts,
  // rank, in], B [experts, out, rank].
  [[nodiscard]] mx::Shape a_shape(int rank) const;
  [[nodiscard]] mx::Shape b_shape(int rank) const;

  // Whether there is DoRA for it, as in mlx-lm: not for experts. What follows throws kInternal
  // where there is none.
  [[nodiscard]] bool takes_magnitudes() const { return experts_ == nullptr; }
  // Rows of the weight: the length of DoRA's magnitudes.
  [[nodiscard]] int rows() const;
  // [rows] float32: the norm of each row of the weight, where DoRA's magnitudes start.
  [[nodiscard]] mx::array row_norms() const;
  // [rows] float32: the norm of each row of the adapted weight W + scale (A B)^T (for the table:
  // W + scale A B), from the parts of |w + d|^2 = |w|^2 + 2 w d + |d|^2, so that a packed weight
  // is never unpacked. `row_norms` as above.
  [[nodiscard]] mx::array adapted_norms(
      const nn::LoraWeights& weights, float scale, const mx::array& row_norms) const;

 private:
  void need_magnitudes() const;

  const nn::Linear* linear_ = nullptr;
  const nn::Embedding* embedding_ = nullptr;
  const nn::SwitchLinear* experts_ = nullptr;
};

// All of a model's: the layers' linears in layer order, those of experts, then the embedding table
// and the output head, where the model has them.
std::vector<Adaptable> adaptables(const LanguageModel& model);

}  // namespace hub::models
