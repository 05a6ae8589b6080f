#include "core/nn/gated_delta.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <mlx/ops.h>

#include "core/kernels/equal_lengths.h"
#include "core/kernels/rms_norm.h"
#include "core/nn/lora.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

constexpr int kChunk = 64;     // tokens
constexpr float kEps = 1e-6F;  // of the queries' and keys' length

int channels(const DeltaHeads& heads) {
  return 2 * heads.key_heads * heads.key_dim + heads.value_heads * heads.value_dim;
}

// x [..., kernel - 1 + rows, channels] -> silu of the convolution [..., rows, channels]
mx::array causal_convolution(const mx::array& x, const mx::array& weight) {
  const int axis = static_cast<int>(x.ndim()) - 2;
  const int kernel = weight.shape(1);
  const int rows = x.shape(axis) - kernel + 1;
  mx::Shape from(x.ndim(), 0);
  mx::Shape to = x.shape();
  mx::array sum = mx::array(0.0F);
  for (int i = 0; i < kernel; ++i) {
    from[static_cast<std::size_t>(axis)] = i;
    to[static_cast<std::size_t>(axis)] = i + rows;
    const mx::array part = mx::multiply(mx::slice(x, from, to), mx::take(weight, i, 1));
    sum = i == 0 ? part : mx::add(sum, part);
  }
  return mx::multiply(sum, mx::sigmoid(sum));
}

// Each head of x [rows, heads * width] to the length `length` (mlx_lm/models/gated_delta.py ›
// normalize_qk).
mx::array with_length(const mx::array& x, int width, float length) {
  const mx::array by_head = mx::reshape(x, {-1, width});
  const float root = std::sqrt(static_cast<float>(width));
  const mx::array weight = mx::full({width}, length / root, mx::float32);
  const mx::array normed = kernels::rms_norm(by_head, weight, kEps / static_cast<float>(width));
  return mx::reshape(normed, x.shape());
}

struct Mixed {
  mx::array q, k;  // [rows, Hk * Dk], of the lengths Dk^-1/2 and 1
  mx::array v;     // [rows, Hv * Dv]
};

// y [rows, channels], after the convolution
Mixed split_heads(const mx::array& y, const DeltaHeads& heads) {
  const int keys = heads.key_heads * heads.key_dim;
  const auto parts = mx::split(y, mx::Shape{keys, 2 * keys}, 1);
  const float scale = 1.0F / std::sqrt(static_cast<float>(heads.key_dim));
  return {
      with_length(parts[0], heads.key_dim, scale),
      with_length(parts[1], heads.key_dim, 1.0F),
      parts[2]};
}

mx::array float32(const mx::array& x) {
  return tensor::astype(x, mx::float32);
}

// The inverse of unit lower triangular matrices m [n, size, size], size a power of two, by halves:
// [[A, 0], [B, D]]^-1 = [[A^-1, 0], [-D^-1 B A^-1, D^-1]].
mx::array inverse_of_unit_lower(const mx::array& m) {
  const int count = m.shape(0);
  const int size = m.shape(1);
  if (size == 1) {
    return mx::ones_like(m);
  }
  const int half = size / 2;
  const auto block = [&](int row, int column) {
    return mx::slice(m, mx::Shape{0, row, column}, mx::Shape{count, row + half, column + half});
  };
  const mx::array halves =
      inverse_of_unit_lower(mx::concatenate({block(0, 0), block(half, half)}, 0));
  const mx::array upper = mx::slice(halves, mx::Shape{0, 0, 0}, mx::Shape{count, half, half});
  const mx::array lower =
      mx::slice(halves, mx::Shape{count, 0, 0}, mx::Shape{2 * count, half, half});
  const mx::array below = mx::negative(mx::matmul(mx::matmul(lower, block(half, 0)), upper));
  return mx::concatenate(
      {mx::concatenate({upper, mx::zeros_like(upper)}, 2), mx::concatenate({below, lower}, 2)}, 1);
}

// Of all sequences and heads [n, chunks, chunk, …]; the state before a chunk goes in where it is
// known: out = from_state S + within U, with U = values - keys S, S transposed [n, Dk, Dv].
struct Chunks {
  mx::array q, k;        // [n, chunks, chunk, Dk]
  mx::array values;      // [n, chunks, chunk, Dv]: (I + L)^-1 (beta V)
  mx::array keys;        // [n, chunks, chunk, Dk]: (I + L)^-1 (beta G K)
  mx::array from_start;  // [n, chunks, chunk, 1]: the decay G from the chunk's start to each row
  mx::array to_end;      // [n, chunks, chunk, 1]: from each row to the chunk's end
  mx::array decay;       // [n, chunks, chunk, chunk]: from the column's row to the row; 0 above
};

// q, k [n, chunks, chunk, Dk], v [n, chunks, chunk, Dv], log_decay and beta [n, chunks, chunk, 1].
Chunks prepare(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& log_decay,
    const mx::array& beta) {
  const int chunk = q.shape(2);
  const mx::array sums = mx::cumsum(log_decay, 2);
  const mx::array differences = mx::subtract(sums, mx::swapaxes(sums, 2, 3));
  const mx::array seen = mx::tril(mx::ones({chunk, chunk}, mx::bool_));
  const mx::array never(-std::numeric_limits<float>::infinity());
  const mx::array decay = mx::exp(mx::where(seen, differences, never));
  const mx::array scaled_keys = mx::multiply(beta, k);
  const mx::array products = mx::matmul(scaled_keys, mx::swapaxes(k, 2, 3));
  const mx::array strict = mx::tril(mx::ones({chunk, chunk}), -1);
  const mx::array lower =
      mx::add(mx::eye(chunk), mx::multiply(mx::multiply(products, decay), strict));
  const mx::array inverse =
      mx::reshape(inverse_of_unit_lower(mx::reshape(lower, {-1, chunk, chunk})), lower.shape());
  const mx::array from_start = mx::exp(sums);
  const mx::array last = mx::slice(
      sums, mx::Shape{0, 0, chunk - 1, 0}, mx::Shape{sums.shape(0), sums.shape(1), chunk, 1});
  return {
      q,
      k,
      mx::matmul(inverse, mx::multiply(beta, v)),
      mx::matmul(inverse, mx::multiply(from_start, scaled_keys)),
      from_start,
      mx::exp(mx::subtract(last, sums)),
      decay};
}

// -> [n, chunks * chunk, Dv]
mx::array run(const Chunks& all) {
  const int count = all.q.shape(1);
  const int chunk = all.q.shape(2);
  const mx::array within = mx::multiply(mx::matmul(all.q, mx::swapaxes(all.k, 2, 3)), all.decay);
  const mx::array q = mx::multiply(all.from_start, all.q);
  const mx::array k = mx::swapaxes(mx::multiply(all.to_end, all.k), 2, 3);
  mx::array state = mx::zeros({all.q.shape(0), all.k.shape(3), all.values.shape(3)});
  std::vector<mx::array> out;
  for (int i = 0; i < count; ++i) {
    const auto at = [i](const mx::array& x) { return mx::take(x, i, 1); };
    const mx::array added = mx::subtract(at(all.values), mx::matmul(at(all.keys), state));
    out.push_back(mx::add(mx::matmul(at(q), state), mx::matmul(at(within), added)));
    const mx::array whole = mx::take(at(all.from_start), chunk - 1, 1);  // [n, 1]
    state = mx::add(mx::multiply(mx::expand_dims(whole, 2), state), mx::matmul(at(k), added));
  }
  return mx::concatenate(out, 1);
}

// Sequences of one length.
mx::array delta_batch(const DeltaRows& rows, int batch, int length, const DeltaHeads& heads) {
  const int kernel = rows.conv.shape(1);
  const int all = channels(heads);
  const mx::array qkv = mx::reshape(float32(rows.qkv), {batch, length, all});
  const mx::array input =
      mx::concatenate({mx::zeros({batch, kernel - 1, all}, mx::float32), qkv}, 1);
  const mx::array mixed_rows =
      mx::reshape(causal_convolution(input, float32(rows.conv)), {batch * length, all});
  const Mixed mixed = split_heads(mixed_rows, heads);

  const int chunk =
      std::min(kChunk, static_cast<int>(std::bit_ceil(static_cast<unsigned>(length))));
  const int chunks = (length + chunk - 1) / chunk;
  const int group = heads.value_heads / heads.key_heads;
  // [batch * length, own * width] -> [batch * Hv, chunks, chunk, width]; rows of zeros at the end
  // change neither a state nor an earlier row.
  const auto chunked = [&](const mx::array& x, int own, int width) {
    mx::array by_head = mx::reshape(float32(x), {batch, length, own, width});
    if (own != heads.value_heads) {
      by_head = mx::repeat(by_head, group, 2);
    }
    const mx::array padded = mx::pad(
        mx::transpose(by_head, {0, 2, 1, 3}),
        {{0, 0}, {0, 0}, {0, chunks * chunk - length}, {0, 0}});
    return mx::reshape(padded, {batch * heads.value_heads, chunks, chunk, width});
  };
  const mx::array out = run(prepare(
      chunked(mixed.q, heads.key_heads, heads.key_dim),
      chunked(mixed.k, heads.key_heads, heads.key_dim),
      chunked(mixed.v, heads.value_heads, heads.value_dim),
      chunked(rows.log_decay, heads.value_heads, 1),
      chunked(rows.beta, heads.value_heads, 1)));
  const mx::array whole =
      mx::slice(out, mx::Shape{0, 0, 0}, mx::Shape{out.shape(0), length, heads.value_dim});
  const mx::array by_token = mx::transpose(
      mx::reshape(whole, {batch, heads.value_heads, length, heads.value_dim}), {0, 2, 1, 3});
  return tensor::astype(
      mx::reshape(by_token, {batch * length, heads.value_heads * heads.value_dim}),
      rows.qkv.dtype());
}

}  // namespace

DeltaRows part_of(const DeltaRows& rows, int begin, int end) {
  const Rows part{begin, end};
  return {
      rows_of(rows.qkv, part), rows.conv, rows_of(rows.log_decay, part), rows_of(rows.beta, part)};
}

DeltaState empty_delta_state(const DeltaHeads& heads, int kernel) {
  return {
      mx::zeros({kernel - 1, channels(heads)}, mx::float32),
      mx::zeros({heads.value_heads, heads.value_dim, heads.key_dim}, mx::float32)};
}

mx::array delta_step(const DeltaRows& rows, DeltaState& state, const DeltaHeads& heads) {
  const mx::array input = mx::concatenate({state.conv, float32(rows.qkv)}, 0);
  const Mixed mixed = split_heads(causal_convolution(input, float32(rows.conv)), heads);
  auto step = kernels::gated_delta_step(
      mixed.q,
      mixed.k,
      mixed.v,
      mx::exp(float32(rows.log_decay)),
      float32(rows.beta),
      state.delta,
      heads);
  const int kept = state.conv.shape(0);
  state.conv = mx::contiguous(mx::slice(input, mx::Shape{input.shape(0) - kept, 0}, input.shape()));
  state.delta = step.state;
  return tensor::astype(step.out, rows.qkv.dtype());
}

mx::array delta_whole(
    const DeltaRows& rows, const std::vector<int>& lengths, const DeltaHeads& heads) {
  return kernels::in_batches_of_equal_length(lengths, [&](int row, int batch, int length) {
    const Rows own{row, row + batch * length};
    return delta_batch(
        {rows_of(rows.qkv, own), rows.conv, rows_of(rows.log_decay, own), rows_of(rows.beta, own)},
        batch,
        length,
        heads);
  });
}

}  // namespace hub::nn
