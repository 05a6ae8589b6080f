// Port of mlx_lm/models/switch_layers.py › SwitchLinear and QuantizedSwitchLinear, and of
// mlx_lm/tuner/lora.py › LoRASwitchLinear.
#include "core/nn/switch_linear.h"

#include <utility>

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array transposed(const mx::array& matrices) {
  return mx::swapaxes(matrices, 1, 2);
}

const mx::array& stored(const SwitchLinear::Weight& weight) {
  const auto* packed = std::get_if<tensor::PackedMatrices>(&weight);
  return packed != nullptr ? packed->weight : std::get<mx::array>(weight);
}

}  // namespace

SwitchLinear::SwitchLinear(std::string path, Weight weight, std::optional<mx::array> bias)
    : path_(std::move(path)), weight_(std::move(weight)), bias_(std::move(bias)) {}

mx::array SwitchLinear::operator()(
    const mx::array& x, const mx::array& experts, AdapterSpans adapters, bool sorted) const {
  const auto* packed = std::get_if<tensor::PackedMatrices>(&weight_);
  mx::array y =
      packed != nullptr
          ? tensor::gather_quantized_matmul(x, *packed, experts, sorted)
          : tensor::gather_matmul(x, transposed(std::get<mx::array>(weight_)), experts, sorted);
  if (bias_) {
    y = mx::add(y, mx::take(*bias_, experts, 0));
  }
  return change_spans(
      y,
      path_,
      adapters,
      [&](const mx::array& own, const LoraAdapter& adapter, const LoraWeights& factors, Rows rows) {
        const mx::array chosen = rows_of(experts, rows);
        const mx::array input = adapter_input(adapter, rows_of(x, rows), path_);
        const mx::array z = tensor::gather_matmul(
            tensor::gather_matmul(input, transposed(factors.a), chosen, sorted),
            transposed(factors.b),
            chosen,
            sorted);
        const mx::array delta = mx::multiply(z, mx::array(adapter.scale));
        return mx::add(own, tensor::astype(delta, own.dtype()));
      });
}

int SwitchLinear::experts() const {
  return stored(weight_).shape(0);
}

int SwitchLinear::in_features() const {
  const auto* packed = std::get_if<tensor::PackedMatrices>(&weight_);
  const int columns = stored(weight_).shape(2);
  return packed != nullptr ? columns * 32 / packed->bits : columns;
}

int SwitchLinear::out_features() const {
  return stored(weight_).shape(1);
}

}  // namespace hub::nn
