#include "core/kernels/causal_attention.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/attention_step.h"
#include "core/kernels/causal_gradient.h"
#include "core/kernels/composed_attention.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/equal_lengths.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// The gradient of the sinks, by MLX's own operations: only a full fine-tuning trains them.
mx::array sinks_gradient(
    const std::vector<mx::array>& primals,
    const mx::array& cotangent,
    const std::vector<int>& lengths,
    const AttentionShape& shape) {
  const auto attention = [&](const std::vector<mx::array>& sinks) {
    return std::vector<mx::array>{composed_causal_attention(
        primals[0], primals[1], primals[2], {primals[3]}, lengths, shape, sinks[0])};
  };
  return mx::vjp(attention, {primals[4]}, {cotangent}).second[0];
}

// Inputs q, k, v, inv_freq, sinks (empty: none), gradient of the result; outputs the gradients of
// q, k, v.
class CausalAttentionVjp : public CpuPrimitive {
 public:
  CausalAttentionVjp(
      mx::Stream stream, CpuLevel level, std::vector<int> lengths, const AttentionShape& shape)
      : CpuPrimitive(stream, level), lengths_(std::move(lengths)), shape_(shape) {}
  const char* name() const override { return "HubCausalAttentionVjp"; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape(), inputs[1].shape(), inputs[2].shape()};
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), lengths = lengths_, shape = shape_](const Arrays& in, Arrays& out) {
      std::int64_t row = 0;
      for (const int length : lengths) {
        const std::int64_t q_at = row * in[0].shape(1);
        const std::int64_t k_at = row * in[1].shape(1);
        row += length;
        run_causal_gradient(
            cpu_ops(level),
            {shape,
             length,
             in[0].data<float>() + q_at,
             in[1].data<float>() + k_at,
             in[2].data<float>() + k_at,
             in[3].data<float>(),
             2 * in[3].shape(0),
             in[4].size() == 0 ? nullptr : in[4].data<float>(),
             in[5].data<float>() + q_at,
             out[0].data<float>() + q_at,
             out[1].data<float>() + k_at,
             out[2].data<float>() + k_at});
      }
    };
  }

 private:
  std::vector<int> lengths_;
  AttentionShape shape_;
};

// Inputs q, k, v, inv_freq, sinks; outputs the attention, and room for rotated keys and for values
// by head.
class CausalAttention : public CpuPrimitive {
 public:
  CausalAttention(
      mx::Stream stream, CpuLevel level, std::vector<int> lengths, const AttentionShape& shape)
      : CpuPrimitive(stream, level), lengths_(std::move(lengths)), shape_(shape) {}
  const char* name() const override { return "HubCausalAttention"; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape(), inputs[1].shape(), inputs[2].shape()};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& /*outputs*/) override {
    if (!shape_.causal) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          "causal_attention: there is no gradient where rows see what follows them");
    }
    const auto all = mx::array::make_arrays(
        {primals[0].shape(), primals[1].shape(), primals[2].shape()},
        {mx::float32, mx::float32, mx::float32},
        std::make_shared<CausalAttentionVjp>(stream(), level(), lengths_, shape_),
        {primals[0], primals[1], primals[2], primals[3], primals[4], cotangents[0]});
    std::vector<mx::array> gradients;
    for (const int argument : argnums) {
      if (argument == 3) {
        throw base::Error(
            base::ErrorCode::kInvalidArgument, "causal_attention: inv_freq has no gradient");
      }
      gradients.push_back(
          argument == 4 ? sinks_gradient(primals, cotangents[0], lengths_, shape_)
                        : all[static_cast<std::size_t>(argument)]);
    }
    return gradients;
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), lengths = lengths_, shape = shape_](const Arrays& in, Arrays& out) {
      AttentionStep step{
          shape,
          in[0].data<float>(),
          in[1].data<float>(),
          in[2].data<float>(),
          in[3].data<float>(),
          2 * in[3].shape(0),
          in[4].size() == 0 ? nullptr : in[4].data<float>(),
          out[0].data<float>(),
          {}};
      int row = 0;
      for (const int length : lengths) {
        const std::int64_t at = std::int64_t{row} * in[1].shape(1);
        step.sequences.push_back(
            {out[1].data<float>() + at, out[2].data<float>() + at, length, length, 0, row});
        row += length;
      }
      run_attention_step(cpu_ops(level), step);
    };
  }

 private:
  std::vector<int> lengths_;
  AttentionShape shape_;
};

bool lengths_fit(const std::vector<int>& lengths, int rows) {
  return std::all_of(lengths.begin(), lengths.end(), [](int length) { return length > 0; }) &&
         std::accumulate(lengths.begin(), lengths.end(), 0) == rows;
}

void check(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  const bool heads_fit = shape.heads > 0 && shape.kv_heads > 0 &&
                         shape.heads % shape.kv_heads == 0 && shape.head_dim > 0 &&
                         shape.head_dim % 2 == 0 && (shape.causal || shape.window == 0);
  const auto fits = [&](const mx::array& x, int heads) {
    return x.ndim() == 2 && x.shape(0) == q.shape(0) && x.shape(1) == heads * shape.head_dim;
  };
  if (!heads_fit || !fits(q, shape.heads) || !fits(k, shape.kv_heads) || !fits(v, shape.kv_heads) ||
      !rotation_fits(rotation, shape) || !sinks_fit(sinks, shape) ||
      !lengths_fit(lengths, q.shape(0))) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "causal_attention: sequences of [{}] tokens with {} heads over {} key/value heads of "
            "{} elements "
            "does not fit q {}, k {}, v {}, inv_freq {}, sinks {}",
            fmt::join(lengths, ", "),
            shape.heads,
            shape.kv_heads,
            shape.head_dim,
            describe(q),
            describe(k),
            describe(v),
            describe(rotation.inv_freq),
            sinks ? describe(*sinks) : "none"));
  }
}

mx::array rows_of(const mx::array& x, int begin, int count) {
  if (count == x.shape(0)) {
    return x;
  }
  return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{begin + count, x.shape(1)});
}

// Sequences of one length.
mx::array composed_batch(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    int batch,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  const int length = q.shape(0) / batch;
  const auto by_head = [&](const mx::array& x, int heads) {
    return mx::transpose(mx::reshape(x, {batch, length, heads, shape.head_dim}), {0, 2, 1, 3});
  };
  const auto out = composed_attention(
      rotary(by_head(q, shape.heads), rotation, shape, 0),
      rotary(by_head(k, shape.kv_heads), rotation, shape, 0),
      by_head(v, shape.kv_heads),
      shape,
      sinks);
  return mx::reshape(mx::transpose(out, {0, 2, 1, 3}), q.shape());
}

}  // namespace

mx::array composed_causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  check(q, k, v, rotation, lengths, shape, sinks);
  return in_batches_of_equal_length(lengths, [&](int row, int batch, int length) {
    const int rows = batch * length;
    return composed_batch(
        rows_of(q, row, rows),
        rows_of(k, row, rows),
        rows_of(v, row, rows),
        rotation,
        batch,
        shape,
        sinks);
  });
}

mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  if (!runs_on_cpu()) {
    return composed_causal_attention(q, k, v, rotation, lengths, shape, sinks);
  }
  check(q, k, v, rotation, lengths, shape, sinks);
  for (const auto* input : {&q, &k, &v, &rotation.inv_freq}) {
    require(*input, mx::float32, input->ndim(), "causal_attention");
  }
  return mx::array::make_arrays(
      {q.shape(), k.shape(), v.shape()},
      {mx::float32, mx::float32, mx::float32},
      std::make_shared<CausalAttention>(cpu_stream(), cpu_level(), lengths, shape),
      {q, k, v, rotation.inv_freq, sinks.value_or(mx::zeros({0}))})[0];
}

}  // namespace hub::kernels
