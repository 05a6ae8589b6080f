// Port of mlx.nn's Linear and QuantizedLinear, and of mlx_lm/tuner/lora.py › LoRALinear.
#include "core/nn/linear.h"

#include <utility>

#include <mlx/ops.h>

#include "core/kernels/dense_matmul.h"
#include "core/kernels/low_rank.h"
#include "core/kernels/quantized_matmul.h"
#include "core/tensor/ops.h"

namespace hub::nn {

mx::array matmul_transposed(const mx::array& x, const mx::array& weight) {
  // The fixed summation order is float32's; half types exist on GPUs only (tensor::compute_dtype).
  if (x.dtype() == mx::float32 && weight.dtype() == mx::float32) {
    return kernels::matmul_transposed(x, weight);
  }
  return mx::matmul(x, mx::transpose(weight));
}

mx::array quantized_matmul(
    const mx::array& x, const mx::array& weight, const QuantizedParts& parts) {
  if (x.dtype() == mx::float32 || tensor::default_device_is_gpu()) {
    return kernels::quantized_matmul(
        x, {weight, parts.scales, parts.biases, parts.group_size, parts.bits});
  }
  return tensor::quantized_matmul(
      x, weight, parts.scales, parts.biases, true, parts.group_size, parts.bits);
}

Linear::Linear(
    std::string path,
    mx::array weight,
    std::optional<QuantizedParts> quantized,
    std::optional<mx::array> bias)
    : path_(std::move(path)),
      weight_(std::move(weight)),
      quantized_(std::move(quantized)),
      bias_(std::move(bias)) {}

namespace {

struct Base {
  mx::array weight;
  std::optional<QuantizedParts> quantized;
  std::optional<mx::array> bias;

  [[nodiscard]] mx::array forward(const mx::array& x) const {
    const mx::array y =
        quantized ? quantized_matmul(x, weight, *quantized) : matmul_transposed(x, weight);
    return bias ? mx::add(y, *bias) : y;
  }
  [[nodiscard]] mx::array backward(const mx::array& dy) const {
    return quantized ? kernels::quantized_matmul(
                           dy,
                           {weight,
                            quantized->scales,
                            quantized->biases,
                            quantized->group_size,
                            quantized->bits},
                           false)
                     : mx::matmul(dy, weight);
  }
};

}  // namespace

mx::array Linear::operator()(const mx::array& x, AdapterSpans adapters) const {
  const Base base{weight_, quantized_, bias_};
  if (const LoraWeights* own = fusable_adapter(x, path_, adapters)) {
    return kernels::adapted(
        {[base](const mx::array& in) { return base.forward(in); },
         [base](const mx::array& dy) { return base.backward(dy); }},
        x,
        own->a,
        own->b,
        adapters[0].adapter->scale);
  }
  return add_adapters(base.forward(x), x, path_, adapters);
}

int Linear::in_features() const {
  const int columns = weight_.shape(1);
  return quantized_ ? columns * 32 / quantized_->bits : columns;
}

int Linear::out_features() const {
  return weight_.shape(0);
}

}  // namespace hub::nn
