#include "core/kernels/composed_attention.h"

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// [L, S] boolean: row l stands at position S - L + l.
mx::array window_mask(int length, int positions, int window) {
  const mx::array rows = mx::expand_dims(mx::arange(positions - length, positions), 1);
  const mx::array keys = mx::expand_dims(mx::arange(positions), 0);
  const mx::array earliest = mx::subtract(rows, mx::array(window));
  return mx::logical_and(mx::less_equal(keys, rows), mx::greater(keys, earliest));
}

}  // namespace

mx::array rotary(
    const mx::array& x, const mx::array& inv_freq, const AttentionShape& shape, int offset) {
  if (inv_freq.size() == 0) {
    return x;
  }
  tensor::RopeParams rope;
  rope.dims = 2 * inv_freq.shape(0);
  rope.traditional = shape.rope_traditional;
  rope.freqs = mx::reciprocal(inv_freq);
  const mx::array turned = tensor::rope(x, rope, offset);
  if (shape.rope_scale == 1.0F) {
    return turned;
  }
  const mx::array scale(shape.rope_scale, x.dtype());
  if (rope.dims == shape.head_dim) {
    return mx::multiply(turned, scale);
  }
  const auto parts = mx::split(turned, mx::Shape{rope.dims}, -1);
  return mx::concatenate({mx::multiply(parts[0], scale), parts[1]}, -1);
}

mx::array composed_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  const int length = q.shape(2);
  const int positions = k.shape(2);
  if (shape.window > 0 && positions > shape.window) {
    const mx::array mask = window_mask(length, positions, shape.window);
    return tensor::sdpa(q, k, v, shape.scale, false, mask, sinks);
  }
  return tensor::sdpa(q, k, v, shape.scale, length > 1, std::nullopt, sinks);
}

bool rotation_fits(const mx::array& inv_freq, const AttentionShape& shape) {
  return inv_freq.ndim() == 1 && 2 * inv_freq.shape(0) <= shape.head_dim;
}

bool sinks_fit(const std::optional<mx::array>& sinks, const AttentionShape& shape) {
  return !sinks || sinks->shape() == mx::Shape{shape.heads};
}

}  // namespace hub::kernels
