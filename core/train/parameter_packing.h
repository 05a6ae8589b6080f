#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/optimizer_params.h"

namespace hub::train {

namespace mx = mlx::core;

// Joins the arrays that an optimizer updates: on a GPU a step over a few long arrays takes a dozen
// kernels instead of a dozen for each of some hundred small ones. Arrays of one type and one weight
// decay are joined where the optimizer updates each value by itself; large ones stay as they are,
// since to copy them costs more than it saves. Builds graphs only; belongs to the thread that owns
// MLX.
class ParameterPacking {
 public:
  // Values from which an array stays by itself.
  static constexpr std::size_t kLarge = 1U << 20U;

  // `wanted` false: everything stays as it is. `decays`: one for each parameter.
  ParameterPacking(
      std::span<const mx::array> parameters, std::span<const double> decays, bool wanted);

  // Arrays as the parameters (in type and shape) to their packed form, and back.
  [[nodiscard]] std::vector<mx::array> pack(const std::vector<mx::array>& arrays) const;
  [[nodiscard]] std::vector<mx::array> unpack(const std::vector<mx::array>& packed) const;
  // Of the packed arrays.
  [[nodiscard]] const std::vector<double>& decays() const { return decays_; }

  // An optimizer's state over packed arrays to that over the parameters, and back: the parts of the
  // first, then those of the second, …. A state that has not equally many parts for each comes back
  // as it is.
  [[nodiscard]] std::vector<mx::array> unpack_state(const std::vector<mx::array>& packed) const;
  [[nodiscard]] std::vector<mx::array> pack_state(const std::vector<mx::array>& state) const;

 private:
  [[nodiscard]] bool joins_nothing() const { return groups_.size() == shapes_.size(); }

  std::vector<mx::Shape> shapes_;                 // of the parameters
  std::vector<int> sizes_;                        // of the parameters
  std::vector<std::vector<std::size_t>> groups_;  // parameters of each packed array, in order
  std::vector<double> decays_;
};

// True when the optimizer's update of a value depends on nothing but that value's own past.
bool updates_each_value_alone(const model_config::OptimizerParams& params);

}  // namespace hub::train
