#include "core/nn/attention.h"

#include <utility>

#include "core/kernels/causal_attention.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array float32(const mx::array& x) {
  return tensor::astype(x, mx::float32);
}

std::optional<mx::array> float32(const std::optional<mx::array>& x) {
  return x ? std::optional(float32(*x)) : std::nullopt;
}

}  // namespace

CachedStep cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& inv_freq,
    std::vector<CachedRows> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  CachedStep step = kernels::cached_attention(
      float32(q), float32(k), float32(v), inv_freq, std::move(sequences), shape, float32(sinks));
  step.out = tensor::astype(step.out, q.dtype());
  return step;
}

mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& inv_freq,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  const mx::array out = kernels::causal_attention(
      float32(q), float32(k), float32(v), inv_freq, lengths, shape, float32(sinks));
  return tensor::astype(out, q.dtype());
}

}  // namespace hub::nn
