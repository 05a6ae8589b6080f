// Port of mlx.nn's Embedding and QuantizedEmbedding.
#include "core/nn/embedding.h"

#include <utility>

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array taken(const mx::array& table, const mx::array& rows) {
  const mx::array picked = mx::take(table, rows, 0);
  // dequantize() computes in the scales' type; a half type would round the result.
  return tensor::astype(picked, tensor::compute_dtype(picked.dtype()));
}

}  // namespace

Embedding::Embedding(
    std::string path,
    mx::array weight,
    std::optional<QuantizedParts> quantized,
    std::optional<kernels::InterleavedWeight> int8_head)
    : path_(std::move(path)),
      weight_(std::move(weight)),
      quantized_(std::move(quantized)),
      int8_head_(std::move(int8_head)) {}

mx::array Embedding::operator()(const mx::array& tokens, AdapterSpans adapters) const {
  return add_embedding_adapters(rows_of(tokens), tokens, path_, adapters);
}

mx::array Embedding::rows_of(const mx::array& tokens) const {
  if (!quantized_) {
    return taken(weight_, tokens);
  }
  std::optional<mx::array> biases;
  if (quantized_->biases) {
    biases = taken(*quantized_->biases, tokens);
  }
  const mx::array rows = tensor::dequantize(
      mx::take(weight_, tokens, 0),
      taken(quantized_->scales, tokens),
      biases,
      quantized_->group_size,
      quantized_->bits,
      quantized_->mode);
  return tensor::astype(rows, tensor::compute_dtype(rows.dtype()));
}

mx::array Embedding::as_linear(const mx::array& x, AdapterSpans adapters) const {
  const auto product = [&] {
    if (int8_head_) {
      return kernels::int8_matmul(x, *int8_head_);
    }
    return quantized_ ? quantized_matmul(x, weight_, *quantized_) : matmul_transposed(x, weight_);
  };
  return add_tied_head_adapters(product(), x, path_, adapters);
}

mx::array Embedding::row_norms() const {
  return nn::row_norms(weight_, quantized_);
}

int Embedding::width() const {
  const int columns = weight_.shape(1);
  return quantized_ ? columns * 32 / quantized_->bits : columns;
}

std::size_t Embedding::nbytes() const {
  return weight_bytes(weight_, quantized_) + (int8_head_ ? int8_head_->nbytes() : 0);
}

std::size_t Embedding::head_nbytes() const {
  return int8_head_ ? int8_head_->nbytes() : weight_bytes(weight_, quantized_);
}

}  // namespace hub::nn
