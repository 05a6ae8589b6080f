#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/optimizer_params.h"

namespace hub::train {

namespace mx = mlx::core;

// Turns gradients into new parameters, step by step as mlx/optimizers/optimizers.py does, in the
// type of each parameter. Only builds graphs; belongs to the thread that owns MLX.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // The parameters after one update, in order; counts the update.
  std::vector<mx::array> update(
      std::span<const mx::array> parameters,
      std::span<const mx::array> gradients,
      double learning_rate);

  [[nodiscard]] int updates() const { return updates_; }
  // All it keeps between updates, to be evaluated together with the parameters, and saved.
  [[nodiscard]] const std::vector<mx::array>& state() const { return state_; }
  // Goes on from a saved state(). Throws kUnprocessable (`bad_training_state`) when it is not one
  // of this optimizer over these parameters.
  void restore(std::vector<mx::array> state, int updates);

 protected:
  Optimizer() = default;

  // What one update of one parameter is told.
  struct Step {
    int number = 1;  // counts from 1
    double learning_rate = 0.0;
    double weight_decay = 0.0;
  };
  // Makes the parts of the state; called once, by make_optimizer().
  void start(std::span<const mx::array> parameters, std::vector<double> weight_decays);
  // The fresh state of one parameter.
  [[nodiscard]] virtual std::vector<mx::array> fresh(const mx::array& parameter) const = 0;
  // The parameter after the update; replaces its part of the state.
  [[nodiscard]] virtual mx::array apply(
      const mx::array& parameter,
      const mx::array& gradient,
      const Step& step,
      std::span<mx::array> own) const = 0;

 private:
  friend std::unique_ptr<Optimizer> make_optimizer(
      const model_config::OptimizerParams& params,
      std::span<const mx::array> parameters,
      std::vector<double> weight_decays);

  std::vector<double> weight_decays_;  // of each parameter
  std::vector<mx::array> state_;       // the parts of the first parameter, then the second's, …
  std::vector<std::size_t> begins_;    // of each parameter's parts; one more at the end
  int updates_ = 0;
};

// `weight_decays`: one for each parameter. Throws kInvalidArgument for an unknown name.
std::unique_ptr<Optimizer> make_optimizer(
    const model_config::OptimizerParams& params,
    std::span<const mx::array> parameters,
    std::vector<double> weight_decays);

}  // namespace hub::train
