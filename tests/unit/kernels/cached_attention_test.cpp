#include "core/kernels/cached_attention.h"

#include <cmath>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <mlx/fast.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/composed_attention.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/attention_inputs.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

// What a layer may have beyond full attention over rotated heads.
struct Variant {
  std::string name;
  AttentionShape shape;
  int rotated;  // elements of a head
  bool sinks;

  [[nodiscard]] RotaryEmbedding rotation() const {
    return rotated == 0 ? RotaryEmbedding{mx::zeros({0})} : rotation_of(rotated);
  }
  [[nodiscard]] std::optional<mx::array> sink_scores() const {
    return sinks ? std::optional(random_array({shape.heads}, 77)) : std::nullopt;
  }
};

std::vector<Variant> variants() {
  const auto shape = shape_of(6, 2, 32);
  Variant partial{"partial", shape, 24, false};
  partial.shape.rope_scale = 1.3F;
  Variant traditional{"traditional", shape, 8, false};
  traditional.shape.rope_traditional = true;
  std::vector<Variant> all{partial, traditional, {"unrotated", shape, 0, false}};
  for (const int window : {1, 5, 64, 300}) {
    Variant sliding{"window of " + std::to_string(window), shape, 32, false};
    sliding.shape.window = window;
    all.push_back(sliding);
  }
  all.push_back({"sinks", shape, 32, true});
  all.push_back(all[4]);
  all.back().name = "window and sinks";
  all.back().sinks = true;
  return all;
}

std::vector<float> feed_variant(
    const Tokens& tokens, Cache& cache, int begin, int end, int chunk, const Variant& variant) {
  return feed(
      tokens, cache, begin, end, chunk, variant.shape, variant.rotation(), variant.sink_scores());
}

class CachedAttentionTest : public LevelTest {};

TEST_P(CachedAttentionTest, EqualsMlxOperations) {
  const ScopedCpuLevel forced(GetParam());
  for (const auto& shape :
       {shape_of(9, 3, 64),
        shape_of(4, 4, 32, true),
        shape_of(8, 1, 80),
        shape_of(2, 1, 6),
        shape_of(70, 1, 16),
        shape_of(4, 2, 128)}) {
    const Tokens a(330, shape, 1);
    const Tokens b(5, shape, 9);
    Cache first(shape);
    Cache second(shape);
    feed(a, first, 0, 300, 300, shape);
    const auto join = [](const mx::array& x, int begin, const mx::array& y) {
      return mx::concatenate({rows_of(x, begin, x.shape(0)), y}, 0);
    };
    const auto run = [&](auto operation) {
      const std::vector<CachedSequence> sequences{
          {first.keys, first.values, 30, 300}, {second.keys, second.values, 5, 0}};
      return operation(
          join(a.q, 300, b.q),
          join(a.k, 300, b.k),
          join(a.v, 300, b.v),
          rotation_of(shape.head_dim),
          sequences,
          shape,
          std::nullopt);
    };
    const auto own = run(kOwnAttention);
    const auto stock = run(composed_cached_attention);
    EXPECT_LE(relative_error(own.out, stock.out), 1e-5) << shape.head_dim;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_LE(relative_error(own.caches[i].keys, stock.caches[i].keys), 1e-5);
      EXPECT_TRUE(same_bits(own.caches[i].values, stock.caches[i].values));
    }
  }
}

TEST_P(CachedAttentionTest, VariantsEqualMlxOperations) {
  const ScopedCpuLevel forced(GetParam());
  for (const Variant& variant : variants()) {
    const AttentionShape& shape = variant.shape;
    const Tokens tokens(450, shape, 3);
    Cache cache(shape);
    feed_variant(tokens, cache, 0, 400, 400, variant);
    for (const int rows : {1, 50}) {
      const auto run = [&](auto operation) {
        const std::vector<CachedSequence> sequences{{cache.keys, cache.values, rows, 400}};
        return operation(
            rows_of(tokens.q, 400, 400 + rows),
            rows_of(tokens.k, 400, 400 + rows),
            rows_of(tokens.v, 400, 400 + rows),
            variant.rotation(),
            sequences,
            shape,
            variant.sink_scores());
      };
      const auto own = run(kOwnAttention);
      const auto stock = run(composed_cached_attention);
      EXPECT_LE(relative_error(own.out, stock.out), 1e-5) << variant.name << ", rows " << rows;
      // MLX divides by frequencies where we multiply by their inverses: an angle of 450 in float32
      // is then up to 5e-5 away.
      EXPECT_LE(relative_error(own.caches[0].keys, stock.caches[0].keys), 5e-5) << variant.name;
    }
  }
}

// The composed operations against scores, a mask and a softmax that are written out.
TEST(CachedAttention, WindowAndSinksAreWhatTheySay) {
  auto shape = shape_of(1, 1, 2);
  shape.window = 2;
  const mx::array q({1.0F, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F}, {3, 2});
  const mx::array k({0.0F, 0.0F, 1.0F, 0.0F, 2.0F, 0.0F}, {3, 2});
  const mx::array v({1.0F, 0.0F, 0.0F, 1.0F, 5.0F, 5.0F}, {3, 2});
  const mx::array sinks({0.5F}, {1});
  const Cache cache(shape, 3);
  const auto step =
      cached_attention(q, k, v, {mx::zeros({0})}, {{cache.keys, cache.values, 3, 0}}, shape, sinks);
  // The last row sees keys 1 and 2, and the sink.
  const double one = std::exp(1.0 * shape.scale);
  const double two = std::exp(2.0 * shape.scale);
  const double sum = one + two + std::exp(0.5);
  const auto out = values(step.out);
  EXPECT_NEAR(out[4], two * 5.0 / sum, 1e-5);
  EXPECT_NEAR(out[5], (one + two * 5.0) / sum, 1e-5);
}

TEST_P(CachedAttentionTest, ChunksDoNotMatterToVariants) {
  const ScopedCpuLevel forced(GetParam());
  for (const Variant& variant : variants()) {
    const AttentionShape& shape = variant.shape;
    const Tokens tokens(600, shape, 4);
    Cache whole(shape);
    const auto wanted = feed_variant(tokens, whole, 0, 600, 600, variant);
    for (const int threads : {1, 3}) {
      ThreadPool::shared().set_threads(threads);
      for (const int chunk : {7, 100}) {
        Cache cache(shape);
        EXPECT_TRUE(same_bits(feed_variant(tokens, cache, 0, 600, chunk, variant), wanted))
            << variant.name << ", chunks of " << chunk << ", " << threads << " threads";
      }
      Cache cache(shape);
      feed_variant(tokens, cache, 0, 590, 590, variant);
      const auto rows = feed_variant(tokens, cache, 590, 600, 1, variant);
      EXPECT_TRUE(same_bits(rows, {wanted.end() - std::ptrdiff_t{10} * 6 * 32, wanted.end()}))
          << variant.name;
    }
  }
}

TEST_P(CachedAttentionTest, ChunksAndThreadsDoNotMatter) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(9, 3, 64);
  const Tokens tokens(600, shape, 4);
  Cache whole(shape);
  const auto wanted = feed(tokens, whole, 0, 600, 600, shape);
  for (const int threads : {1, 2, 3}) {
    ThreadPool::shared().set_threads(threads);
    for (const int chunk : {7, 64, 100, 512}) {
      Cache cache(shape);
      EXPECT_TRUE(same_bits(feed(tokens, cache, 0, 600, chunk, shape), wanted))
          << "chunks of " << chunk << ", " << threads << " threads";
      EXPECT_TRUE(same_bits(cache.keys, whole.keys));
    }
    Cache cache(shape);
    feed(tokens, cache, 0, 580, 580, shape);
    const auto rows = feed(tokens, cache, 580, 600, 1, shape);
    EXPECT_TRUE(same_bits(rows, {wanted.end() - std::ptrdiff_t{20} * 9 * 64, wanted.end()}));
  }
}

TEST_P(CachedAttentionTest, OtherSequencesDoNotMatter) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(6, 2, 32);
  const std::vector<int> lengths{1, 300, 17, 64};
  std::vector<Tokens> tokens;
  std::vector<Cache> caches;
  std::vector<CachedSequence> sequences;
  std::vector<mx::array> q, k, v;
  std::vector<float> alone;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const int length = lengths[i];
    tokens.emplace_back(length + 1, shape, static_cast<std::uint32_t>(10 * i));
    caches.emplace_back(shape);
    feed(tokens[i], caches[i], 0, length, 50, shape);
    q.push_back(rows_of(tokens[i].q, length, length + 1));
    k.push_back(rows_of(tokens[i].k, length, length + 1));
    v.push_back(rows_of(tokens[i].v, length, length + 1));
    sequences.push_back({caches[i].keys, caches[i].values, 1, length});
    Cache copy = caches[i];
    const auto row = feed(tokens[i], copy, length, length + 1, 1, shape);
    alone.insert(alone.end(), row.begin(), row.end());
  }
  const auto together = cached_attention(
      mx::concatenate(q, 0),
      mx::concatenate(k, 0),
      mx::concatenate(v, 0),
      rotation_of(32),
      sequences,
      shape);
  EXPECT_TRUE(same_bits(values(together.out), alone));
}

INSTANTIATE_TEST_SUITE_P(
    Levels, CachedAttentionTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(CachedAttention, TakesOverACacheThatNobodyElseHolds) {
  const auto shape = shape_of(2, 1, 16);
  const Tokens tokens(2, shape, 1);
  Cache cache(shape, 8);
  const auto* keys = cache.keys.data<float>();
  const auto* cached_values = cache.values.data<float>();
  feed(tokens, cache, 0, 2, 1, shape);
  EXPECT_EQ(cache.keys.data<float>(), keys);
  EXPECT_EQ(cache.values.data<float>(), cached_values);
}

TEST(CachedAttention, CopiesACacheThatSomebodyElseHolds) {
  const auto shape = shape_of(2, 1, 16);
  const Tokens tokens(3, shape, 1);
  Cache cache(shape, 8);
  feed(tokens, cache, 0, 1, 1, shape);
  const mx::array held = cache.keys;
  const auto before = values(held);
  Cache branch = cache;
  feed(tokens, branch, 1, 3, 1, shape);
  EXPECT_TRUE(same_bits(values(held), before));
  EXPECT_NE(branch.keys.data<float>(), held.data<float>());
  feed(tokens, cache, 1, 3, 2, shape);
  EXPECT_TRUE(same_bits(branch.keys, cache.keys));
}

TEST(CachedAttention, ReadsStridedCaches) {
  if (!runs_on_cpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const auto shape = shape_of(2, 2, 16);
  const Tokens tokens(3, shape, 1);
  Cache plain(shape, 8);
  feed(tokens, plain, 0, 2, 2, shape);
  Cache strided = plain;
  const auto turn = [](const mx::array& x) { return mx::transpose(x, {1, 0, 2}); };
  strided.keys = turn(mx::contiguous(turn(plain.keys)));
  strided.values = turn(mx::contiguous(turn(plain.values)));
  mx::eval({strided.keys, strided.values});
  EXPECT_TRUE(
      same_bits(feed(tokens, strided, 2, 3, 1, shape), feed(tokens, plain, 2, 3, 1, shape)));
  EXPECT_TRUE(same_bits(strided.keys, plain.keys));
}

TEST(CachedAttention, RefusesWhatDoesNotFit) {
  const auto shape = shape_of(4, 2, 16);
  const auto run = [&](int rows, int position, const AttentionShape& wanted, int capacity = 8) {
    const Tokens tokens(2, shape, 1);
    const Cache cache(shape, capacity);
    cached_attention(
        tokens.q,
        tokens.k,
        tokens.v,
        rotation_of(16),
        {{cache.keys, cache.values, rows, position}},
        wanted);
  };
  EXPECT_NO_THROW(run(2, 6, shape));
  EXPECT_THROW(run(2, 7, shape), base::Error);
  EXPECT_THROW(run(2, -1, shape), base::Error);
  EXPECT_THROW(run(1, 0, shape), base::Error);
  EXPECT_THROW(run(0, 0, shape), base::Error);
  EXPECT_THROW(run(2, 0, shape_of(3, 2, 16)), base::Error);
  EXPECT_THROW(run(2, 0, shape_of(4, 2, 8)), base::Error);
  EXPECT_THROW(run(2, 0, shape_of(4, 0, 16)), base::Error);
  const Tokens tokens(2, shape, 1);
  const auto with = [&](const RotaryEmbedding& rotation, const mx::array& sinks) {
    const Cache cache(shape, 8);
    cached_attention(
        tokens.q, tokens.k, tokens.v, rotation, {{cache.keys, cache.values, 2, 0}}, shape, sinks);
  };
  EXPECT_NO_THROW(with(rotation_of(8), mx::zeros({4})));
  EXPECT_THROW(with(rotation_of(18), mx::zeros({4})), base::Error);
  EXPECT_THROW(with(rotation_of(8), mx::zeros({2})), base::Error);
}

// MLX's operation gets the angles as mlx-lm gives them: the base where there is one, else periods.
TEST(ComposedAttention, TakesTheAnglesInMlxLmsWords) {
  const AttentionShape shape = shape_of(2, 2, 16);
  const mx::array x = random_array({1, 2, 40, 16}, 5);
  const mx::array inv_freq = rotation_of(16).inv_freq;
  const mx::array periods = mx::multiply(mx::array(3.0F), mx::reciprocal(inv_freq));
  const auto mlx = [&](std::optional<float> base, const std::optional<mx::array>& freqs) {
    return mx::fast::rope(x, 16, false, base, base ? 0.5F : 1.0F, 7, freqs);
  };
  const auto own = [&](const RotaryEmbedding& rotation) { return rotary(x, rotation, shape, 7); };
  EXPECT_TRUE(same_bits(
      own({.inv_freq = inv_freq, .base = 10000.0F, .position_scale = 0.5F}),
      mlx(10000.0F, std::nullopt)));
  EXPECT_TRUE(
      same_bits(own({.inv_freq = inv_freq, .periods = periods}), mlx(std::nullopt, periods)));
  EXPECT_TRUE(same_bits(own({inv_freq}), mlx(std::nullopt, mx::reciprocal(inv_freq))));
  EXPECT_FALSE(rotation_fits({.inv_freq = inv_freq, .periods = mx::zeros({7})}, shape));
}

}  // namespace
}  // namespace hub::kernels
