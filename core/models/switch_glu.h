#pragma once

#include <string>
#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>

#include "core/models/expert_order.h"
#include "core/models/weights.h"
#include "core/nn/swiglu.h"
#include "core/nn/switch_linear.h"

namespace hub::models {

// The gated MLPs of all experts (mlx_lm/models/switch_layers.py › SwitchGLU):
// down(act(gate(x), up(x))).
class SwitchGlu {
 public:
  using Activation = mx::array (*)(const mx::array& gate, const mx::array& up);

  // `bias`: of all three.
  SwitchGlu(
      const model_config::ModelConfig& config,
      Weights& weights,
      const std::string& path,
      bool bias = false,
      Activation activation = nn::swiglu)
      : gate_proj(weights.switch_linear(
            path + ".gate_proj",
            config.experts->count,
            config.hidden_size,
            config.experts->intermediate_size,
            bias)),
        up_proj(weights.switch_linear(
            path + ".up_proj",
            config.experts->count,
            config.hidden_size,
            config.experts->intermediate_size,
            bias)),
        down_proj(weights.switch_linear(
            path + ".down_proj",
            config.experts->count,
            config.experts->intermediate_size,
            config.hidden_size,
            bias)),
        activation_(activation) {}

  // x [rows, width], experts [rows, k] -> [rows, k, width]
  mx::array operator()(
      const mx::array& x, const mx::array& experts, nn::AdapterSpans adapters) const {
    if (!ExpertOrder::pays(experts, adapters)) {
      return ordered(mx::expand_dims(x, 1), experts, adapters, false);
    }
    const ExpertOrder order(experts);
    std::vector<nn::AdapterSpan> spans;
    if (!adapters.empty()) {
      spans.push_back({adapters[0].adapter, 0, order.experts().shape(0)});
    }
    return order.by_row(ordered(order.by_expert(x), order.experts(), spans, true));
  }

  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const {
    return {&gate_proj, &up_proj, &down_proj};
  }

  nn::SwitchLinear gate_proj, up_proj, down_proj;

 private:
  [[nodiscard]] mx::array ordered(
      const mx::array& x, const mx::array& experts, nn::AdapterSpans adapters, bool sorted) const {
    const mx::array inner =
        activation_(gate_proj(x, experts, adapters, sorted), up_proj(x, experts, adapters, sorted));
    return down_proj(inner, experts, adapters, sorted);
  }

  Activation activation_;
};

// The `count` largest of each row of scores [rows, experts]: their indices [rows, count], in no
// particular order.
inline mx::array largest_of(const mx::array& scores, int count) {
  const int all = scores.shape(1);
  const mx::array order = mx::argpartition(scores, -count, 1);
  return mx::stop_gradient(
      mx::slice(order, mx::Shape{0, all - count}, mx::Shape{scores.shape(0), all}));
}

// The experts' outputs [rows, k, width], weighted by [rows, k] and added up -> [rows, width].
inline mx::array weighted_sum(const mx::array& outputs, const mx::array& weights) {
  return mx::sum(mx::multiply(outputs, mx::expand_dims(weights, 2)), 1);
}

}  // namespace hub::models
