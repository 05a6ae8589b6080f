#include "core/kernels/causal_attention.h"

#include <cmath>
#include <numeric>
#include <optional>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

AttentionShape shape_of(int heads, int kv_heads, int head_dim, bool traditional = false) {
  return {heads, kv_heads, head_dim, 1.0F / std::sqrt(static_cast<float>(head_dim)), traditional};
}

struct Inputs {
  mx::array q, k, v, inv_freq, seed;
  std::optional<mx::array> sinks;

  Inputs(int rows, const AttentionShape& shape)
      : q(random_array({rows, shape.heads * shape.head_dim}, 1)),
        k(random_array({rows, shape.kv_heads * shape.head_dim}, 2)),
        v(random_array({rows, shape.kv_heads * shape.head_dim}, 3)),
        inv_freq(0.0F),
        seed(random_array({rows, shape.heads * shape.head_dim}, 4)) {
    std::vector<float> frequencies;
    frequencies.reserve(static_cast<std::size_t>(shape.head_dim / 2));
    for (int i = 0; i < shape.head_dim / 2; ++i) {
      frequencies.push_back(std::pow(0.001F, static_cast<float>(i) / 32.0F));
    }
    inv_freq = mx::array(frequencies.begin(), {shape.head_dim / 2});
  }
};

// The result, and the gradients of q, k and v.
std::vector<mx::array> result_and_gradients(
    decltype(causal_attention)& operation,
    const Inputs& in,
    const std::vector<int>& lengths,
    const AttentionShape& shape) {
  const auto loss = [&](const std::vector<mx::array>& x) {
    const auto out =
        operation(x[0], x[1], x[2], RotaryEmbedding{in.inv_freq}, lengths, shape, in.sinks);
    return std::vector{mx::sum(out * in.seed)};
  };
  std::vector<mx::array> all{
      operation(in.q, in.k, in.v, RotaryEmbedding{in.inv_freq}, lengths, shape, in.sinks)};
  const auto gradients = mx::vjp(loss, {in.q, in.k, in.v}, {mx::array(1.0F)}).second;
  all.insert(all.end(), gradients.begin(), gradients.end());
  return all;
}

class CausalAttentionTest : public LevelTest {};

TEST_P(CausalAttentionTest, WithoutCausalityARowSeesItsWholeSequence) {
  const ScopedCpuLevel forced(GetParam());
  for (AttentionShape shape : {shape_of(12, 12, 32), shape_of(4, 2, 64)}) {
    shape.causal = false;
    const std::vector<int> lengths{1, 70, 70, 3, 300};
    const Inputs in(std::accumulate(lengths.begin(), lengths.end(), 0), shape);
    const RotaryEmbedding none{mx::zeros({0}, mx::float32)};
    const mx::array own = causal_attention(in.q, in.k, in.v, none, lengths, shape);
    const mx::array stock = composed_causal_attention(in.q, in.k, in.v, none, lengths, shape);
    EXPECT_LE(relative_error(own, stock), 1e-5);
    int row = 0;
    for (const int length : lengths) {
      const auto part = [&](const mx::array& x) {
        return mx::slice(x, mx::Shape{row, 0}, mx::Shape{row + length, x.shape(1)});
      };
      const mx::array alone =
          causal_attention(part(in.q), part(in.k), part(in.v), none, {length}, shape);
      EXPECT_TRUE(mx::array_equal(alone, part(own)).item<bool>()) << length;
      row += length;
    }
    const auto loss = [&](const std::vector<mx::array>& x) {
      return std::vector{mx::sum(causal_attention(x[0], in.k, in.v, none, lengths, shape))};
    };
    EXPECT_THROW(mx::vjp(loss, {in.q}, {mx::array(1.0F)}), base::Error);
    shape.window = 8;
    EXPECT_THROW(causal_attention(in.q, in.k, in.v, none, lengths, shape), base::Error);
  }
}

TEST_P(CausalAttentionTest, ResultAndGradientsEqualMlxOperations) {
  const ScopedCpuLevel forced(GetParam());
  for (const auto& [shape, batch, length] :
       {std::tuple{shape_of(9, 3, 64), 2, 100},
        {shape_of(2, 2, 32, true), 1, 65},
        {shape_of(4, 1, 80), 3, 64},
        {shape_of(2, 1, 6), 2, 1},
        {shape_of(2, 1, 128), 1, 300}}) {
    const Inputs in(batch * length, shape);
    const std::vector<int> lengths(static_cast<std::size_t>(batch), length);
    const auto own = result_and_gradients(causal_attention, in, lengths, shape);
    const auto stock = result_and_gradients(composed_causal_attention, in, lengths, shape);
    for (std::size_t i = 0; i < own.size(); ++i) {
      EXPECT_LE(relative_error(own[i], stock[i]), 1e-5)
          << "array " << i << ", " << batch << " x " << length << ", head of " << shape.head_dim;
    }
  }
}

TEST_P(CausalAttentionTest, VariantsEqualMlxOperations) {
  const ScopedCpuLevel forced(GetParam());
  struct Variant {
    int rotated;
    float rope_scale;
    int window;
    bool sinks;
  };
  for (const auto& [rotated, rope_scale, window, sinks] : std::vector<Variant>{
           {24, 1.3F, 0, false},
           {0, 1.0F, 0, false},
           {32, 1.0F, 1, false},
           {32, 1.0F, 20, false},
           {32, 1.0F, 100, false},
           {32, 1.0F, 0, true},
           {16, 1.2F, 20, true}}) {
    auto shape = shape_of(6, 2, 32);
    shape.rope_scale = rope_scale;
    shape.window = window;
    Inputs in(2 * 150, shape);
    in.inv_freq = mx::slice(in.inv_freq, {0}, {rotated / 2});
    if (sinks) {
      in.sinks = random_array({6}, 5);
    }
    const auto own = result_and_gradients(causal_attention, in, {150, 150}, shape);
    const auto stock = result_and_gradients(composed_causal_attention, in, {150, 150}, shape);
    for (std::size_t i = 0; i < own.size(); ++i) {
      EXPECT_LE(relative_error(own[i], stock[i]), 1e-5)
          << "array " << i << ", rotated " << rotated << ", window " << window;
    }
  }
}

// Sequences of different lengths beside each other: as MLX's operations, and to the bit as alone.
TEST_P(CausalAttentionTest, SequencesOfAnyLengthsDoNotSeeEachOther) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(6, 2, 32);
  const std::vector<int> lengths{70, 1, 65, 65, 130};
  const Inputs in(331, shape);
  const auto own = result_and_gradients(causal_attention, in, lengths, shape);
  const auto stock = result_and_gradients(composed_causal_attention, in, lengths, shape);
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_LE(relative_error(own[i], stock[i]), 1e-5) << "array " << i;
  }
  int begin = 0;
  for (const int length : lengths) {
    const auto rows = [&](const mx::array& x) {
      return mx::contiguous(mx::slice(x, {begin, 0}, {begin + length, x.shape(1)}));
    };
    Inputs alone = in;
    alone.q = rows(in.q);
    alone.k = rows(in.k);
    alone.v = rows(in.v);
    alone.seed = rows(in.seed);
    const auto single = result_and_gradients(causal_attention, alone, {length}, shape);
    for (std::size_t i = 0; i < own.size(); ++i) {
      EXPECT_TRUE(same_bits(rows(own[i]), single[i])) << "array " << i << " from row " << begin;
    }
    begin += length;
  }
}

TEST_P(CausalAttentionTest, ThreadsDoNotMatter) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(6, 2, 32);
  const Inputs in(2 * 150, shape);
  ThreadPool::shared().set_threads(1);
  const auto one = result_and_gradients(causal_attention, in, {150, 150}, shape);
  ThreadPool::shared().set_threads(3);
  const auto three = result_and_gradients(causal_attention, in, {150, 150}, shape);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(same_bits(one[i], three[i])) << "array " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, CausalAttentionTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(CausalAttention, EqualsCachedAttention) {
  const auto shape = shape_of(9, 3, 64);
  const Inputs in(400, shape);
  const auto empty = mx::zeros({3, 400, 64});
  const auto cached =
      cached_attention(in.q, in.k, in.v, {in.inv_freq}, {{empty, empty, 400, 0}}, shape);
  EXPECT_TRUE(
      same_bits(causal_attention(in.q, in.k, in.v, {in.inv_freq}, {400}, shape), cached.out));
}

// softmax over the scores and the sink, of which the sink's weight is dropped, step by step.
mx::array attention_with_sinks(
    const Inputs& in, const AttentionShape& shape, int batch, const mx::array& sinks) {
  const int length = in.q.shape(0) / batch;
  const auto by_head = [&](const mx::array& x, int heads) {
    const mx::array split = mx::reshape(x, {batch, length, heads, shape.head_dim});
    return mx::repeat(mx::transpose(split, {0, 2, 1, 3}), shape.heads / heads, 1);
  };
  const mx::array keys = mx::swapaxes(by_head(in.k, shape.kv_heads), 2, 3);
  const mx::array scores = mx::matmul(by_head(in.q, shape.heads), keys) * mx::array(shape.scale);
  const mx::array visible = mx::tril(mx::ones({length, length}, mx::bool_));
  const mx::array masked = mx::where(visible, scores, mx::array(-1e9F));
  const mx::array sink =
      mx::broadcast_to(mx::reshape(sinks, {1, shape.heads, 1, 1}), {batch, shape.heads, length, 1});
  const mx::array weights = mx::softmax(mx::concatenate({masked, sink}, 3), 3, true);
  const mx::array of_keys =
      mx::slice(weights, mx::Shape{0, 0, 0, 0}, mx::Shape{batch, shape.heads, length, length});
  const mx::array out = mx::matmul(of_keys, by_head(in.v, shape.kv_heads));
  return mx::reshape(mx::transpose(out, {0, 2, 1, 3}), in.q.shape());
}

TEST(CausalAttention, SinksHaveAGradient) {
  const auto shape = shape_of(6, 2, 32);
  Inputs in(2 * 40, shape);
  in.inv_freq = mx::zeros({0});
  const mx::array sinks = random_array({6}, 5);
  const auto gradient = [&](const auto& attention) {
    const auto loss = [&](const std::vector<mx::array>& x) {
      return std::vector{mx::sum(attention(x[0]) * in.seed)};
    };
    return mx::vjp(loss, {sinks}, {mx::array(1.0F)}).second[0];
  };
  const mx::array own = gradient([&](const mx::array& x) {
    return causal_attention(in.q, in.k, in.v, {in.inv_freq}, {40, 40}, shape, x);
  });
  const mx::array wanted =
      gradient([&](const mx::array& x) { return attention_with_sinks(in, shape, 2, x); });
  EXPECT_LE(relative_error(own, wanted), 1e-5);
  EXPECT_GT(mx::max(mx::abs(wanted)).item<float>(), 0.01F);
}

TEST(CausalAttention, RefusesWhatDoesNotFit) {
  const auto shape = shape_of(4, 2, 16);
  const Inputs in(6, shape);
  const auto run = [&](const std::vector<int>& lengths, const AttentionShape& wanted) {
    causal_attention(in.q, in.k, in.v, {in.inv_freq}, lengths, wanted);
  };
  EXPECT_NO_THROW(run({2, 4}, shape));
  EXPECT_THROW(run({2, 3}, shape), base::Error);
  EXPECT_THROW(run({2, 5}, shape), base::Error);
  EXPECT_THROW(run({6, 0}, shape), base::Error);
  EXPECT_THROW(run({7, -1}, shape), base::Error);
  EXPECT_THROW(run({}, shape), base::Error);
  EXPECT_THROW(run({6}, shape_of(4, 1, 16)), base::Error);
  EXPECT_THROW(run({6}, shape_of(4, 3, 16)), base::Error);
  EXPECT_THROW(causal_attention(in.q, in.k, in.v, {in.q}, {6}, shape), base::Error);
}

}  // namespace
}  // namespace hub::kernels
