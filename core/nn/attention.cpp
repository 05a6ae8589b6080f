#include "core/nn/attention.h"

#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/kernels/causal_attention.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

// What the CPU's kernels take; a GPU attends in the type of the activations.
mx::array rows_for_kernel(const mx::array& x) {
  return tensor::astype(x, tensor::compute_dtype(x.dtype()));
}

}  // namespace

CachedStep cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& inv_freq,
    std::vector<CachedRows> sequences,
    const AttentionShape& shape) {
  CachedStep step = kernels::cached_attention(
      rows_for_kernel(q),
      rows_for_kernel(k),
      rows_for_kernel(v),
      inv_freq,
      std::move(sequences),
      shape);
  step.out = tensor::astype(step.out, q.dtype());
  return step;
}

mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& inv_freq,
    int batch,
    int length,
    const AttentionShape& shape) {
  if (q.shape(0) != batch * length) {
    throw base::Error(
        base::ErrorCode::kInternal,
        fmt::format("{} rows are not {} sequences of {} tokens", q.shape(0), batch, length));
  }
  const mx::array out = kernels::causal_attention(
      rows_for_kernel(q), rows_for_kernel(k), rows_for_kernel(v), inv_freq, batch, shape);
  return tensor::astype(out, q.dtype());
}

}  // namespace hub::nn
