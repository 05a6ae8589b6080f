#pragma once

#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/models/weights.h"
#include "core/nn/linear.h"
#include "core/nn/swiglu.h"

namespace hub::models {

// The gated MLP that most families share (mlx_lm/models/llama.py › MLP): down(act(gate(x), up(x))).
class Mlp {
 public:
  using Activation = mx::array (*)(const mx::array& gate, const mx::array& up);

  Mlp(const model_config::ModelConfig& config,
      Weights& weights,
      const std::string& path,
      int /*layer*/)
      : Mlp(weights, path, config.hidden_size, config.intermediate_size, config.mlp_bias) {}

  Mlp(Weights& weights,
      const std::string& path,
      int width,
      int inner,
      bool bias,
      Activation activation = nn::swiglu)
      : gate_proj(weights.linear(path + ".gate_proj", width, inner, bias)),
        up_proj(weights.linear(path + ".up_proj", width, inner, bias)),
        down_proj(weights.linear(path + ".down_proj", inner, width, bias)),
        activation_(activation) {}

  // x [rows, width] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    return down_proj(activation_(gate_proj(x, adapters), up_proj(x, adapters)), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return {&gate_proj, &up_proj, &down_proj};
  }

  nn::Linear gate_proj, up_proj, down_proj;

 private:
  Activation activation_;
};

}  // namespace hub::models
