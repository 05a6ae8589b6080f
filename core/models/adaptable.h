#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/nn/embedding.h"
#include "core/nn/linear.h"
#include "core/nn/lora.h"

namespace hub::models {

// Where a module is: "model.layers.12.mlp.up_proj" is {12, "mlp.up_proj"}; outside the layers it is
// {nullopt, the path}.
struct LayerPath {
  std::optional<int> layer;
  std::string relative;
};
LayerPath split_path(const std::string& path);

// A module that may get low-rank factors: a linear, or the embedding table, whose factors are
// A [vocabulary, rank] and B [rank, width]. Refers to the model. Only builds graphs.
class Adaptable {
 public:
  explicit Adaptable(const nn::Linear& linear) : linear_(&linear) {}
  explicit Adaptable(const nn::Embedding& embedding) : embedding_(&embedding) {}

  [[nodiscard]] const std::string& path() const;
  [[nodiscard]] LayerPath place() const { return split_path(path()); }

  // A is [in, rank], B [rank, out].
  [[nodiscard]] int in() const;
  [[nodiscard]] int out() const;
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
  const nn::Linear* linear_ = nullptr;
  const nn::Embedding* embedding_ = nullptr;
};

// All of a model's: the layers' linears in layer order, then the embedding table and the output
// head, where the model has them.
std::vector<Adaptable> adaptables(const LanguageModel& model);

}  // namespace hub::models
