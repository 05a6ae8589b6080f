#include "core/models/expert_order.h"

#include <vector>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/nn/linear.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

constexpr int kChoicesWorthSorting = 64;  // mlx_lm/models/switch_layers.py › SwitchGLU

}  // namespace

bool ExpertOrder::pays(const mx::array& experts, nn::AdapterSpans adapters) {
  const bool alike = adapters.empty() || (adapters.size() == 1 && adapters[0].begin == 0 &&
                                          adapters[0].end == experts.shape(0));
  return alike && tensor::default_device_is_gpu() && !nn::batch_invariant() &&
         experts.size() >= kChoicesWorthSorting;
}

ExpertOrder::ExpertOrder(const mx::array& experts)
    : rows_(experts.shape(0)),
      choices_(experts.shape(1)),
      order_(mx::stop_gradient(mx::argsort(mx::flatten(experts)))),
      inverse_(mx::stop_gradient(mx::argsort(order_))),
      experts_(mx::stop_gradient(mx::expand_dims(mx::take(mx::flatten(experts), order_), 1))) {}

mx::array ExpertOrder::by_expert(const mx::array& x) const {
  const int width = x.shape(1);
  const mx::Shape spread{rows_ * choices_, 1, width};
  const auto forward = [*this, spread](const std::vector<mx::array>& in) {
    const mx::array choices(choices_, order_.dtype());
    const mx::array rows = mx::take(in[0], mx::floor_divide(order_, choices), 0);
    return std::vector<mx::array>{mx::reshape(rows, spread)};
  };
  const auto backward = [*this, width](
                            const std::vector<mx::array>& /*primals*/,
                            const std::vector<mx::array>& cotangents,
                            const std::vector<mx::array>& /*outputs*/) {
    const mx::array by_choice = mx::take(cotangents[0], inverse_, 0);
    return std::vector<mx::array>{mx::sum(mx::reshape(by_choice, {rows_, choices_, width}), 1)};
  };
  return mx::custom_vjp(forward, backward)({x})[0];
}

mx::array ExpertOrder::by_row(const mx::array& y) const {
  const mx::Shape shape{rows_, choices_, y.shape(2)};
  const auto forward = [*this, shape](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{mx::reshape(mx::take(in[0], inverse_, 0), shape)};
  };
  const auto backward = [*this](
                            const std::vector<mx::array>& primals,
                            const std::vector<mx::array>& cotangents,
                            const std::vector<mx::array>& /*outputs*/) {
    const mx::array by_choice = mx::reshape(cotangents[0], primals[0].shape());
    return std::vector<mx::array>{mx::take(by_choice, order_, 0)};
  };
  return mx::custom_vjp(forward, backward)({y})[0];
}

}  // namespace hub::models
