// Port of mlx.nn's Linear and QuantizedLinear, and of mlx_lm/tuner/lora.py › LoRALinear.
#include "core/nn/linear.h"

#include <utility>

#include <mlx/ops.h>

#include "core/kernels/batch_invariance.h"
#include "core/kernels/dense_matmul.h"
#include "core/kernels/low_rank.h"
#include "core/kernels/quantized_matmul.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array dense_float32(const mx::array& weight, const std::optional<QuantizedParts>& parts) {
  if (!parts) {
    return tensor::astype(weight, mx::float32);
  }
  // dequantize() computes in the scales' type, where they are floats; those of mxfp4 and its kind
  // are bytes, and have no biases.
  std::optional<mx::array> biases;
  mx::array scales = parts->scales;
  if (parts->biases) {
    scales = tensor::astype(scales, mx::float32);
    biases = tensor::astype(*parts->biases, mx::float32);
  }
  const mx::array dense =
      tensor::dequantize(weight, scales, biases, parts->group_size, parts->bits, parts->mode);
  return tensor::astype(dense, mx::float32);
}

// x [rows, out] times a dense or packed weight [out, in]: the gradient of a linear's input from
// that of its output.
mx::array times_weight(
    const mx::array& x, const mx::array& weight, const std::optional<QuantizedParts>& parts) {
  if (!parts) {
    return mx::matmul(x, weight);
  }
  if (parts->biases) {
    return kernels::quantized_matmul(
        x, {weight, parts->scales, *parts->biases, parts->group_size, parts->bits}, false);
  }
  return tensor::quantized_matmul(
      x, weight, parts->scales, parts->biases, false, parts->group_size, parts->bits, parts->mode);
}

mx::array times_transposed(
    const mx::array& x, const mx::array& weight, const std::optional<QuantizedParts>& parts) {
  return parts ? quantized_matmul(x, weight, *parts) : matmul_transposed(x, weight);
}

}  // namespace

mx::array matmul_transposed(const mx::array& x, const mx::array& weight) {
  // The fixed summation order is float32's; half types exist on GPUs only (tensor::compute_dtype).
  if (x.dtype() == mx::float32 && weight.dtype() == mx::float32) {
    return kernels::in_row_blocks(
        x, [&](const mx::array& rows) { return kernels::matmul_transposed(rows, weight); });
  }
  return kernels::in_row_blocks(
      x, [&](const mx::array& rows) { return mx::matmul(rows, mx::transpose(weight)); });
}

mx::array quantized_matmul(
    const mx::array& x, const mx::array& weight, const QuantizedParts& parts) {
  const bool own = (x.dtype() == mx::float32 || tensor::default_device_is_gpu()) && parts.biases;
  return kernels::in_row_blocks(x, [&](const mx::array& rows) {
    if (own) {
      return kernels::quantized_matmul(
          rows, {weight, parts.scales, *parts.biases, parts.group_size, parts.bits});
    }
    return tensor::quantized_matmul(
        rows, weight, parts.scales, parts.biases, true, parts.group_size, parts.bits, parts.mode);
  });
}

std::size_t weight_bytes(const mx::array& weight, const std::optional<QuantizedParts>& parts) {
  if (!parts) {
    return weight.nbytes();
  }
  return weight.nbytes() + parts->scales.nbytes() + (parts->biases ? parts->biases->nbytes() : 0);
}

mx::array row_norms(const mx::array& weight, const std::optional<QuantizedParts>& parts) {
  return mx::sqrt(mx::sum(mx::square(dense_float32(weight, parts)), 1));
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

Linear::Linear(std::string path, kernels::InterleavedWeight weight, std::optional<mx::array> bias)
    : path_(std::move(path)),
      weight_(weight.fields),
      int8_(std::move(weight)),
      bias_(std::move(bias)) {}

mx::array Linear::operator()(const mx::array& x, AdapterSpans adapters) const {
  if (adapters.empty() && bias_ && !quantized_ && !int8_ && tensor::default_device_is_gpu()) {
    return kernels::in_row_blocks(x, [&](const mx::array& rows) {
      return mx::addmm(*bias_, rows, mx::transpose(weight_));  // mlx.nn's, which rounds once
    });
  }
  const LoraWeights* fusable = fusable_adapter(x, path_, adapters);
  const mx::array y = fusable != nullptr ? adapted(x, *fusable, adapters[0].adapter->scale)
                                         : add_adapters(project(x), x, path_, adapters);
  return bias_ ? mx::add(y, *bias_) : y;
}

mx::array Linear::project(const mx::array& x) const {
  return int8_ ? kernels::int8_matmul(x, *int8_) : times_transposed(x, weight_, quantized_);
}

// The weight of an adapted linear is frozen: a traced one would get no gradient here.
mx::array Linear::adapted(const mx::array& x, const LoraWeights& weights, float scale) const {
  const kernels::FrozenLinear base{
      [weight = weight_, parts = quantized_](const mx::array& rows) {
        return times_transposed(rows, weight, parts);
      },
      [weight = weight_, parts = quantized_](const mx::array& rows) {
        return times_weight(rows, weight, parts);
      }};
  return kernels::adapted(base, x, weights.a, weights.b, scale);
}

mx::array Linear::row_norms() const {
  if (int8_) {
    auto plain = kernels::plain(*int8_);
    return nn::row_norms(
        plain.packed,
        QuantizedParts{
            std::move(plain.scales), std::move(plain.biases), int8_->group_size, int8_->bits});
  }
  return nn::row_norms(weight_, quantized_);
}

int Linear::in_features() const {
  if (int8_) {
    return int8_->columns;
  }
  const int columns = weight_.shape(1);
  return quantized_ ? columns * 32 / quantized_->bits : columns;
}

int Linear::out_features() const {
  return int8_ ? int8_->rows : weight_.shape(0);
}

std::size_t Linear::nbytes() const {
  return int8_ ? int8_->nbytes() : weight_bytes(weight_, quantized_);
}

}  // namespace hub::nn
