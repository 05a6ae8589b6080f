#include "core/kernels/quantized_rows.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cached_attention.h"
#include "core/kernels/composed_attention.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/attention_inputs.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

const std::vector<RowFormat> kFormats{{8, 64}, {4, 64}, {8, 32}, {4, 32}};

bool all_equal(const mx::array& a, const mx::array& b) {
  return mx::array_equal(a, b).item<bool>();
}

// What a cache in few bits holds of its rows, as floats [1, kv_heads, length, D].
mx::array as_floats(const mx::array& rows, const Cache& cache, const AttentionShape& shape) {
  const mx::array floats = dequantize_rows(rows, cache.format, shape.head_dim, mx::float32);
  return mx::expand_dims(
      mx::slice(floats, {0, 0, 0}, {shape.kv_heads, cache.length, shape.head_dim}), 0);
}

TEST(QuantizedRows, HoldWhatMlxPacks) {
  const mx::array x = random_array({2, 5, 128}, 3);
  for (const RowFormat& format : kFormats) {
    const mx::array rows = quantize_rows(x, format);
    EXPECT_EQ(rows.shape(), (mx::Shape{2, 5, row_width(format, 128)}));
    EXPECT_EQ(rows.dtype(), mx::uint32);
    const auto packed = mx::quantize(x, format.group_size, format.bits);
    const auto wanted =
        mx::dequantize(packed[0], packed[1], packed[2], format.group_size, format.bits);
    EXPECT_TRUE(all_equal(dequantize_rows(rows, format, 128, mx::float32), wanted)) << format.bits;
    EXPECT_EQ(dequantize_rows(rows, format, 128, mx::bfloat16).dtype(), mx::bfloat16);
  }
}

TEST(QuantizedRows, AreSoWide) {
  EXPECT_EQ(row_width({}, 64), 64);
  EXPECT_EQ(row_width({8, 64}, 64), 16 + 2);
  EXPECT_EQ(row_width({4, 64}, 128), 16 + 4);
  EXPECT_EQ(row_width({4, 32}, 96), 12 + 6);
  EXPECT_TRUE(format_fits({}, 6));
  EXPECT_TRUE(format_fits({4, 32}, 96));
  EXPECT_FALSE(format_fits({4, 64}, 96));
  EXPECT_FALSE(format_fits({8, 16}, 64));
  EXPECT_FALSE(format_fits({8, 0}, 64));
  EXPECT_FALSE(format_fits({6, 64}, 64));
}

class QuantizedCacheTest : public LevelTest {};

// Without a rotary embedding keys come to the cache as they are: every bit is MLX's.
TEST_P(QuantizedCacheTest, WritesTheBitsOfMlxQuantize) {
  const ScopedCpuLevel forced(GetParam());
  const RotaryEmbedding none{mx::zeros({0})};
  for (const RowFormat& format : kFormats) {
    const auto shape = shape_of(4, 2, 64);
    Tokens tokens(20, shape, 5);
    // Rows of one sign, of one number, of zeros, and of numbers that are nearly equal.
    const mx::array row = mx::reshape(mx::arange(20), {20, 1});
    const auto where = [&](int at, const mx::array& then, const mx::array& other) {
      return mx::where(mx::equal(row, mx::array(at)), then, other);
    };
    tokens.k = where(1, mx::abs(tokens.k), tokens.k);
    tokens.k = where(2, mx::negative(mx::abs(tokens.k)), tokens.k);
    tokens.k = where(3, mx::array(0.7F), tokens.k);
    tokens.k = where(4, mx::array(0.0F), tokens.k);
    tokens.k =
        where(5, mx::add(mx::array(3.0F), mx::multiply(tokens.k, mx::array(1e-7F))), tokens.k);
    tokens.k = where(6, mx::multiply(tokens.k, mx::array(1e-6F)), tokens.k);
    Cache cache(shape, 32, format);
    feed(tokens, cache, 0, 20, 7, shape, none);
    const auto wanted = [&](const mx::array& x) {
      return quantize_rows(mx::transpose(mx::reshape(x, {20, 2, 64}), {1, 0, 2}), format);
    };
    const auto held = [&](const mx::array& rows) {
      return mx::slice(rows, {0, 0, 0}, {2, 20, row_width(format, 64)});
    };
    EXPECT_TRUE(all_equal(held(cache.keys), wanted(tokens.k))) << format.bits;
    EXPECT_TRUE(all_equal(held(cache.values), wanted(tokens.v))) << format.bits;
  }
}

// float32, relative to the largest output: both attend to the same rounded keys and values.
TEST_P(QuantizedCacheTest, AttendsToWhatItHolds) {
  const ScopedCpuLevel forced(GetParam());
  for (const RowFormat& format : kFormats) {
    for (const int window : {0, 1, 90, 300}) {
      for (const int rows : {1, 40}) {
        auto shape = shape_of(6, 2, 64);
        shape.window = window;
        const mx::array sinks = random_array({6}, 77);
        const Tokens tokens(500, shape, 3);
        Cache cache(shape, kCapacity, format);
        feed(tokens, cache, 0, 460, 460, shape, std::nullopt, sinks);
        const int end = 460 + rows;
        const auto got = feed(tokens, cache, 460, end, rows, shape, std::nullopt, sinks);
        const mx::array q =
            mx::transpose(mx::reshape(rows_of(tokens.q, 460, end), {1, rows, 6, 64}), {0, 2, 1, 3});
        const mx::array wanted = composed_attention(
            rotary(q, rotation_of(64), shape, 460),
            as_floats(cache.keys, cache, shape),
            as_floats(cache.values, cache, shape),
            shape,
            sinks);
        const auto reference = values(mx::transpose(wanted, {0, 2, 1, 3}));
        EXPECT_LE(relative_error(got, {reference.begin(), reference.end()}), 1e-5)
            << format.bits << " bits, window " << window << ", rows " << rows;
      }
    }
  }
}

// Without a rotary embedding, whose last bits differ from MLX's, both round to the same fields.
TEST_P(QuantizedCacheTest, EqualsMlxOperations) {
  const ScopedCpuLevel forced(GetParam());
  const RotaryEmbedding none{mx::zeros({0})};
  for (const RowFormat& format : kFormats) {
    auto shape = shape_of(4, 2, 64);
    shape.window = 200;
    const Tokens tokens(330, shape, 1);
    Cache cache(shape, kCapacity, format);
    feed(tokens, cache, 0, 300, 300, shape, none);
    const auto run = [&](auto operation) {
      const std::vector<CachedSequence> sequences{{cache.keys, cache.values, 30, 300, format}};
      const auto rows = [](const mx::array& x) { return rows_of(x, 300, 330); };
      return operation(
          rows(tokens.q), rows(tokens.k), rows(tokens.v), none, sequences, shape, std::nullopt);
    };
    const auto own = run(kOwnAttention);
    const auto stock = run(composed_cached_attention);
    EXPECT_LE(relative_error(own.out, stock.out), 1e-5) << format.bits;
    EXPECT_TRUE(all_equal(own.caches[0].keys, stock.caches[0].keys)) << format.bits;
    EXPECT_TRUE(all_equal(own.caches[0].values, stock.caches[0].values)) << format.bits;
  }
}

TEST_P(QuantizedCacheTest, ChunksAndThreadsDoNotMatter) {
  const ScopedCpuLevel forced(GetParam());
  for (const RowFormat& format : {RowFormat{8, 64}, RowFormat{4, 32}}) {
    const auto shape = shape_of(9, 3, 64);
    const Tokens tokens(600, shape, 4);
    Cache whole(shape, kCapacity, format);
    const auto wanted = feed(tokens, whole, 0, 600, 600, shape);
    for (const int threads : {1, 2, 3}) {
      ThreadPool::shared().set_threads(threads);
      for (const int chunk : {7, 100, 512}) {
        Cache cache(shape, kCapacity, format);
        EXPECT_TRUE(same_bits(feed(tokens, cache, 0, 600, chunk, shape), wanted))
            << format.bits << " bits, chunks of " << chunk << ", " << threads << " threads";
        EXPECT_TRUE(all_equal(cache.keys, whole.keys));
      }
      Cache cache(shape, kCapacity, format);
      feed(tokens, cache, 0, 580, 580, shape);
      const auto rows = feed(tokens, cache, 580, 600, 1, shape);
      EXPECT_TRUE(same_bits(rows, {wanted.end() - std::ptrdiff_t{20} * 9 * 64, wanted.end()}));
    }
  }
}

// Sequences of other formats are among them.
TEST_P(QuantizedCacheTest, OtherSequencesDoNotMatter) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(6, 2, 64);
  const std::vector<int> lengths{1, 300, 17, 64};
  const std::vector<RowFormat> formats{{8, 64}, {4, 64}, {}, {8, 32}};
  std::vector<Tokens> tokens;
  std::vector<Cache> caches;
  std::vector<CachedSequence> sequences;
  std::vector<mx::array> q, k, v;
  std::vector<float> alone;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const int length = lengths[i];
    tokens.emplace_back(length + 1, shape, static_cast<std::uint32_t>(10 * i));
    caches.emplace_back(shape, kCapacity, formats[i]);
    feed(tokens[i], caches[i], 0, length, 50, shape);
    q.push_back(rows_of(tokens[i].q, length, length + 1));
    k.push_back(rows_of(tokens[i].k, length, length + 1));
    v.push_back(rows_of(tokens[i].v, length, length + 1));
    sequences.push_back({caches[i].keys, caches[i].values, 1, length, formats[i]});
    Cache copy = caches[i];
    const auto row = feed(tokens[i], copy, length, length + 1, 1, shape);
    alone.insert(alone.end(), row.begin(), row.end());
  }
  const auto together = cached_attention(
      mx::concatenate(q, 0),
      mx::concatenate(k, 0),
      mx::concatenate(v, 0),
      rotation_of(64),
      sequences,
      shape);
  EXPECT_TRUE(same_bits(values(together.out), alone));
}

// What is not finite does not become a number by being rounded.
TEST_P(QuantizedCacheTest, HidesNothingThatIsNotFinite) {
  const ScopedCpuLevel forced(GetParam());
  const auto shape = shape_of(2, 1, 64);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    for (const int bits : {4, 8}) {
      Tokens tokens(3, shape, 1);
      const mx::array at = mx::reshape(mx::arange(3 * 64), {3, 64});
      tokens.v = mx::where(mx::equal(at, mx::array(70)), mx::array(bad), tokens.v);  // row 1
      Cache cache(shape, 8, {bits, 64});
      const auto out = feed(tokens, cache, 0, 3, 3, shape);
      EXPECT_FALSE(std::isfinite(out[128 + 6])) << bits;
      EXPECT_FALSE(std::isfinite(out[2 * 128 + 6])) << bits << ", a later row";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, QuantizedCacheTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(QuantizedCache, IsTakenOverWhereNobodyElseHoldsIt) {
  const auto shape = shape_of(2, 1, 32);
  const Tokens tokens(2, shape, 1);
  Cache cache(shape, 8, {8, 32});
  const auto* keys = cache.keys.data<std::uint32_t>();
  feed(tokens, cache, 0, 2, 1, shape);
  EXPECT_EQ(cache.keys.data<std::uint32_t>(), keys);
}

TEST(QuantizedCache, RefusesWhatDoesNotFit) {
  const auto shape = shape_of(4, 2, 64);
  const Tokens tokens(2, shape, 1);
  const auto run = [&](const Cache& cache, const RowFormat& format) {
    cached_attention(
        tokens.q,
        tokens.k,
        tokens.v,
        rotation_of(64),
        {{cache.keys, cache.values, 2, 0, format}},
        shape);
  };
  EXPECT_NO_THROW(run(Cache(shape, 8, {8, 64}), {8, 64}));
  EXPECT_THROW(run(Cache(shape, 8, {8, 64}), {4, 64}), base::Error);
  EXPECT_THROW(run(Cache(shape, 8, {8, 64}), {8, 32}), base::Error);
  EXPECT_THROW(run(Cache(shape, 8, {8, 64}), {}), base::Error);
  EXPECT_THROW(run(Cache(shape, 8), {8, 64}), base::Error);
  EXPECT_THROW(run(Cache(shape, 8, {8, 64}), {6, 64}), base::Error);
  Cache floats(shape, 8, {8, 64});
  floats.keys = mx::view(floats.keys, mx::float32);
  floats.values = mx::view(floats.values, mx::float32);
  EXPECT_THROW(run(floats, {8, 64}), base::Error);
}

}  // namespace
}  // namespace hub::kernels
