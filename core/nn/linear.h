#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <mlx/array.h>

#include "core/kernels/batch_invariance.h"
#include "core/kernels/int8_matmul.h"
#include "core/nn/lora.h"

namespace hub::nn {

using kernels::batch_invariant;
using kernels::set_batch_invariant;

// How a weight is packed; see kernels/quantized_matmul.h.
struct QuantizedParts {
  mx::array scales;  // [out, in / group_size]; on CPU float16 or float32; uint8 unless affine
  std::optional<mx::array> biases;  // [out, in / group_size]; affine only
  int group_size;
  int bits;
  std::string mode = "affine";  // or mxfp4, mxfp8, nvfp4: through MLX's own operations
};

// x [rows, in] times the transposed dense `weight` [out, in], or the packed one.
mx::array matmul_transposed(const mx::array& x, const mx::array& weight);
mx::array quantized_matmul(
    const mx::array& x, const mx::array& weight, const QuantizedParts& parts);

// Of a dense or packed weight, as it lies in memory.
std::size_t weight_bytes(const mx::array& weight, const std::optional<QuantizedParts>& parts);

// [rows] float32: the L2 norm of each row of a dense or packed weight.
mx::array row_norms(const mx::array& weight, const std::optional<QuantizedParts>& parts);

// y = x W^T + bias (+ adapter). A quantized base with an adapter is QLoRA; the call site cannot
// tell. The summation order of an output element depends neither on the number of rows nor on
// threads (CPU).
class Linear {
 public:
  Linear(
      std::string path,
      mx::array weight,
      std::optional<QuantizedParts> quantized,
      std::optional<mx::array> bias);
  // x is rounded to 8 bits before it is multiplied (kernels::int8_matmul()); an adapter's product
  // is not. Not differentiable.
  Linear(std::string path, kernels::InterleavedWeight weight, std::optional<mx::array> bias);

  // x [rows, in] -> [rows, out]
  mx::array operator()(const mx::array& x, AdapterSpans adapters) const;

  // x [rows, in] W^T, without bias and adapters.
  [[nodiscard]] mx::array project(const mx::array& x) const;
  // [out] float32: the L2 norm of each row of W.
  [[nodiscard]] mx::array row_norms() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int in_features() const;
  [[nodiscard]] int out_features() const;
  // Of the weight, as it lies in memory.
  [[nodiscard]] std::size_t nbytes() const;

 private:
  // project() with the adapter's product, by kernels::adapted().
  [[nodiscard]] mx::array adapted(
      const mx::array& x, const LoraWeights& weights, float scale) const;

  std::string path_;  // "model.layers.0.self_attn.q_proj"
  mx::array weight_;  // [out, in], or packed uint32 [out, in * bits / 32], or that of int8_
  std::optional<QuantizedParts> quantized_;
  std::optional<kernels::InterleavedWeight> int8_;
  std::optional<mx::array> bias_;  // [out]
};

}  // namespace hub::nn
