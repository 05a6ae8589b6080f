#include "core/nn/attention.h"

#include <utility>

#include <mlx/ops.h>

#include "core/kernels/causal_attention.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

// What the CPU's kernels take; a GPU attends in the type of the activations.
mx::array for_kernel(const mx::array& x) {
  return tensor::astype(x, tensor::compute_dtype(x.dtype()));
}

std::optional<mx::array> for_kernel(const std::optional<mx::array>& x) {
  return x ? std::optional(for_kernel(*x)) : std::nullopt;
}

}  // namespace

CachedStep cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedRows> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables* tables) {
  CachedStep step = kernels::cached_attention(
      for_kernel(q),
      for_kernel(k),
      for_kernel(v),
      rotation,
      std::move(sequences),
      shape,
      for_kernel(sinks),
      tables);
  step.out = tensor::astype(step.out, q.dtype());
  return step;
}

mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  const mx::array out = kernels::causal_attention(
      for_kernel(q), for_kernel(k), for_kernel(v), rotation, lengths, shape, for_kernel(sinks));
  return tensor::astype(out, q.dtype());
}

mx::array whole_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const std::vector<int>& lengths,
    const AttentionShape& shape) {
  AttentionShape whole = shape;
  whole.causal = false;
  const RotaryEmbedding none{mx::zeros({0}, mx::float32)};
  return nn::causal_attention(q, k, v, none, lengths, whole);
}

}  // namespace hub::nn
