#include "core/kernels/cached_attention.h"

#include <cmath>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

constexpr int kCapacity = 700;

AttentionShape shape_of(int heads, int kv_heads, int head_dim, bool traditional = false) {
  return {heads, kv_heads, head_dim, 1.0F / std::sqrt(static_cast<float>(head_dim)), traditional};
}

mx::array inverse_frequencies(int head_dim) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(head_dim / 2));
  for (int i = 0; i < head_dim / 2; ++i) {
    result.push_back(
        std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(head_dim)));
  }
  return mx::array(result.begin(), {head_dim / 2});
}

// One sequence's tokens before the rotary embedding.
struct Tokens {
  mx::array q, k, v;

  Tokens(int rows, const AttentionShape& shape, std::uint32_t seed)
      : q(random_array({rows, shape.heads * shape.head_dim}, seed)),
        k(random_array({rows, shape.kv_heads * shape.head_dim}, seed + 1)),
        v(random_array({rows, shape.kv_heads * shape.head_dim}, seed + 2)) {}
};

struct Cache {
  mx::array keys;
  mx::array values;
  int length = 0;

  explicit Cache(const AttentionShape& shape, int capacity = kCapacity)
      : keys(mx::zeros({shape.kv_heads, capacity, shape.head_dim})), values(keys) {
    values = mx::zeros_like(keys);
    mx::eval({keys, values});
  }
};

// Feeds rows [begin, end) of the tokens in pieces of `chunk`; the outputs of all rows.
std::vector<float> feed(
    const Tokens& tokens,
    Cache& cache,
    int begin,
    int end,
    int chunk,
    const AttentionShape& shape) {
  std::vector<float> all;
  for (int at = begin; at < end; at += chunk) {
    const int stop = std::min(end, at + chunk);
    auto step = cached_attention(
        rows_of(tokens.q, at, stop),
        rows_of(tokens.k, at, stop),
        rows_of(tokens.v, at, stop),
        inverse_frequencies(shape.head_dim),
        {{std::move(cache.keys), std::move(cache.values), stop - at, cache.length}},
        shape);
    cache.keys = step.caches[0].keys;
    cache.values = step.caches[0].values;
    cache.length += stop - at;
    mx::eval({step.out, cache.keys, cache.values});
    const auto part = values(step.out);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

class CachedAttentionTest : public testing::TestWithParam<CpuLevel> {};

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
          inverse_frequencies(shape.head_dim),
          sequences,
          shape);
    };
    const auto own = run(cached_attention);
    const auto stock = run(composed_cached_attention);
    EXPECT_LE(relative_error(own.out, stock.out), 1e-5) << shape.head_dim;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_LE(relative_error(own.caches[i].keys, stock.caches[i].keys), 1e-5);
      EXPECT_TRUE(same_bits(own.caches[i].values, stock.caches[i].values));
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
      inverse_frequencies(32),
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
        inverse_frequencies(16),
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
}

}  // namespace
}  // namespace hub::kernels
