#pragma once

#include <optional>
#include <string>

#include "core/base/json.h"

namespace hub::model_config {

// The settings of one optimizer beside its learning rate and weight decay: names, defaults and
// meaning are mlx.optimizers'. Only the fields of the chosen one count.
struct OptimizerParams {
  std::string name = "adamw";  // adam, adamw, sgd, lion, adafactor, muon
  // In double, since 1 - 0.999 is off by 2e-5 of itself in float.
  double beta1 = 0.9;                  // adam, adamw, lion; [0, 1)
  double beta2 = 0.999;                // adam, adamw; lion: 0.99
  double eps = 1e-8;                   // adam, adamw
  bool bias_correction = false;        // adam, adamw; PyTorch corrects
  double momentum = 0.0;               // sgd; muon: 0.95
  double dampening = 0.0;              // sgd
  bool nesterov = false;               // sgd; muon: true
  int ns_steps = 5;                    // muon: steps of the Newton-Schulz iteration
  double eps1 = 1e-30;                 // adafactor: added to the squared gradient
  double eps2 = 1e-3;                  // adafactor: least scale of a parameter
  double clip_threshold = 1.0;         // adafactor
  double decay_rate = -0.8;            // adafactor
  std::optional<double> first_moment;  // adafactor's beta_1; absent: no first moment
  bool scale_parameter = true;         // adafactor
  bool relative_step = true;           // adafactor: the step size follows from the step's number
  bool warmup_init = false;            // adafactor

  // The named optimizer with mlx.optimizers' defaults. Throws kInvalidArgument for another name.
  static OptimizerParams defaults(const std::string& name);
  // `config` is an object with fields of that optimizer (null: none). Throws kInvalidArgument
  // naming the field, the range and what came; refuses fields of other optimizers.
  static OptimizerParams from_json(
      const std::string& name, const base::Json& config, const std::string& path);
  // Every field of this optimizer.
  [[nodiscard]] base::Json to_json() const;

  // mlx.optimizers' default.
  [[nodiscard]] double default_weight_decay() const;
  // Arrays of a parameter's size that it keeps for a matrix: for the memory estimate.
  [[nodiscard]] int moments() const;
};

}  // namespace hub::model_config
