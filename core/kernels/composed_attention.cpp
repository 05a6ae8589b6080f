#include "core/kernels/composed_attention.h"

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// [L, S] boolean: row l stands at position gap + S - L + l.
mx::array window_mask(int length, int keys, const SeenRows& seen, int gap) {
  const int end = gap + keys;
  const mx::array rows = mx::expand_dims(mx::arange(end - length, end), 1);
  const int apart = gap > 0 ? seen.sinks : 0;
  const mx::array at =
      mx::expand_dims(mx::concatenate({mx::arange(apart), mx::arange(apart + gap, end)}, 0), 0);
  const mx::array earliest = mx::subtract(rows, mx::array(seen.window));
  const mx::array is_near =
      mx::logical_or(mx::greater(at, earliest), mx::less(at, mx::array(seen.sinks)));
  return mx::logical_and(mx::less_equal(at, rows), is_near);
}

// As mlx_lm/models/rope_utils.py, which scales before it turns.
template <typename Offset>
mx::array rotate(
    const mx::array& x,
    const RotaryEmbedding& rotation,
    const AttentionShape& shape,
    const Offset& offset) {
  if (rotation.inv_freq.size() == 0) {
    return x;
  }
  tensor::RopeParams rope;
  rope.dims = 2 * rotation.inv_freq.shape(0);
  rope.traditional = shape.rope_traditional;
  if (rotation.base) {
    rope.base = *rotation.base;
    rope.scale = rotation.position_scale;
  } else {
    rope.freqs = rotation.periods.value_or(mx::reciprocal(rotation.inv_freq));
  }
  if (shape.rope_scale == 1.0F) {
    return tensor::rope(x, rope, offset);
  }
  const mx::array scale(shape.rope_scale, x.dtype());
  if (rope.dims == shape.head_dim) {
    return tensor::rope(mx::multiply(x, scale), rope, offset);
  }
  const auto parts = mx::split(x, mx::Shape{rope.dims}, -1);
  return tensor::rope(mx::concatenate({mx::multiply(parts[0], scale), parts[1]}, -1), rope, offset);
}

}  // namespace

mx::array rotary(
    const mx::array& x, const RotaryEmbedding& rotation, const AttentionShape& shape, int offset) {
  return rotate(x, rotation, shape, offset);
}

mx::array rotary(
    const mx::array& x,
    const RotaryEmbedding& rotation,
    const AttentionShape& shape,
    const mx::array& offset) {
  return rotate(x, rotation, shape, offset);
}

mx::array composed_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const AttentionShape& shape,
    const SeenRows& seen,
    int gap,
    const std::optional<mx::array>& sinks) {
  const int length = q.shape(2);
  const int keys = k.shape(2);
  if (seen.window > 0 && keys > seen.window + seen.sinks) {
    const mx::array mask = window_mask(length, keys, seen, gap);
    return tensor::sdpa(q, k, v, shape.scale, false, mask, sinks);
  }
  return tensor::sdpa(q, k, v, shape.scale, shape.causal && length > 1, std::nullopt, sinks);
}

mx::array composed_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  return composed_attention(q, k, v, shape, {shape.window, 0}, 0, sinks);
}

bool rotation_fits(const RotaryEmbedding& rotation, const AttentionShape& shape) {
  const mx::array& inv_freq = rotation.inv_freq;
  return inv_freq.ndim() == 1 && 2 * inv_freq.shape(0) <= shape.head_dim &&
         (!rotation.periods || rotation.periods->shape() == inv_freq.shape());
}

bool sinks_fit(const std::optional<mx::array>& sinks, const AttentionShape& shape) {
  return !sinks || sinks->shape() == mx::Shape{shape.heads};
}

}  // namespace hub::kernels
