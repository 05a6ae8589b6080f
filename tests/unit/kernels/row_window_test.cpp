#include "core/kernels/row_window.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cached_attention.h"
#include "core/kernels/composed_attention.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/attention_inputs.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

static_assert(kMostSinks == kAttentionTile);

const AttentionShape kShape = shape_of(6, 2, 64);
const std::vector<RowWindow> kWindows{{60, 4}, {300, 4}, {1, 1}, {130, 64}, {200, 0}, {97, 3}};

// A cache of a window, which drops what no later row sees.
class RollingCache {
 public:
  RollingCache(const RowWindow& window, const RowFormat& format)
      : window_(window), cache_(kShape, kCapacity, format) {}

  CachedSequence next(int rows) {
    return {
        std::move(cache_.keys),
        std::move(cache_.values),
        rows,
        cache_.length,
        cache_.format,
        window_};
  }
  void take(const CachedAttention::Layer& layer, int rows) {
    cache_.keys = layer.keys;
    cache_.values = layer.values;
    cache_.length += rows;
  }
  void drop() {
    const int oldest = std::max(0, cache_.length + 1 - window_.rows) / kMostSinks * kMostSinks;
    const int more = oldest - window_.sinks - window_.dropped;
    if (more <= 0) {
      return;
    }
    const auto without = [&](const mx::array& rows) {
      const auto part = [&](int begin, int end) {
        return mx::slice(rows, {0, begin, 0}, {rows.shape(0), end, rows.shape(2)});
      };
      return mx::contiguous(
          mx::concatenate({part(0, window_.sinks), part(window_.sinks + more, rows.shape(1))}, 1));
    };
    cache_.keys = without(cache_.keys);
    cache_.values = without(cache_.values);
    mx::eval({cache_.keys, cache_.values});
    window_.dropped += more;
  }
  [[nodiscard]] int dropped() const { return window_.dropped; }

 private:
  RowWindow window_;
  Cache cache_;
};

CachedAttention composed(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<CachedSequence>& sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  return composed_cached_attention(q, k, v, rotation, sequences, shape, sinks);
}

using Operation = std::function<decltype(composed)>;

// All rows of the tokens in pieces of `chunk`, from `begin` on one at a time; the outputs of all.
std::vector<float> roll(
    const Operation& operation,
    const Tokens& tokens,
    RollingCache& cache,
    int chunk,
    int singles_from,
    bool drops,
    int layer_window = 0) {
  AttentionShape shape = kShape;
  shape.window = layer_window;
  std::vector<float> all;
  const int rows = tokens.q.shape(0);
  for (int at = 0; at < rows;) {
    const int stop = at >= singles_from ? at + 1 : std::min({rows, at + chunk, singles_from});
    if (drops) {
      cache.drop();
    }
    const auto step = operation(
        rows_of(tokens.q, at, stop),
        rows_of(tokens.k, at, stop),
        rows_of(tokens.v, at, stop),
        rotation_of(64),
        {cache.next(stop - at)},
        shape,
        std::nullopt);
    cache.take(step.caches[0], stop - at);
    const auto part = values(step.out);
    all.insert(all.end(), part.begin(), part.end());
    at = stop;
  }
  return all;
}

// Scores, the mask and the softmax written out, over keys and values of all positions.
std::vector<double> written_out(const Tokens& tokens, const SeenRows& seen) {
  const int rows = tokens.q.shape(0);
  const auto by_head = [&](const mx::array& x, int heads) {
    return mx::transpose(mx::reshape(x, {1, rows, heads, 64}), {0, 2, 1, 3});
  };
  const auto repeated = [](const mx::array& x) { return mx::repeat(x, 3, 1); };
  const RotaryEmbedding rotation = rotation_of(64);
  const mx::array q = rotary(by_head(tokens.q, 6), rotation, kShape, 0);
  const mx::array k = repeated(rotary(by_head(tokens.k, 2), rotation, kShape, 0));
  const mx::array v = repeated(by_head(tokens.v, 2));
  std::vector<float> hidden;
  hidden.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    for (int key = 0; key < rows; ++key) {
      const bool is_seen = key <= row && (key < seen.sinks || key > row - seen.window);
      hidden.push_back(is_seen ? 0.0F : -1e30F);
    }
  }
  const mx::array mask(hidden.begin(), {rows, rows});
  const mx::array scores =
      mx::add(mx::multiply(mx::matmul(q, mx::swapaxes(k, 2, 3)), mx::array(kShape.scale)), mask);
  const auto out =
      values(mx::transpose(mx::matmul(mx::softmax(scores, -1, true), v), {0, 2, 1, 3}));
  return {out.begin(), out.end()};
}

class RowWindowTest : public LevelTest {};

// float32, relative to the largest output.
TEST_P(RowWindowTest, RowsSeeTheSinksAndTheWindow) {
  const ScopedCpuLevel forced(GetParam());
  const Tokens tokens(500, kShape, 3);
  for (const RowWindow& window : kWindows) {
    for (const int layer : {0, 50}) {
      const auto wanted = written_out(tokens, seen_rows(layer, window));
      for (const bool drops : {false, true}) {
        for (const Operation& operation : {Operation(kOwnAttention), Operation(composed)}) {
          RollingCache cache(window, {});
          const auto got = roll(operation, tokens, cache, 100, 470, drops, layer);
          EXPECT_LE(relative_error(got, wanted), 1e-5)
              << window.rows << " rows, " << window.sinks << " sinks, drops " << drops
              << ", the layer's own window " << layer;
          EXPECT_EQ(cache.dropped() > 0, drops);
        }
      }
    }
  }
}

TEST_P(RowWindowTest, NeitherChunksNorThreadsNorWhatWasDroppedMatters) {
  const ScopedCpuLevel forced(GetParam());
  const Tokens tokens(620, kShape, 4);
  for (const RowFormat& format : {RowFormat{}, RowFormat{8, 64}, RowFormat{4, 32}}) {
    for (const RowWindow& window : kWindows) {
      RollingCache whole(window, format);
      const auto wanted = roll(kOwnAttention, tokens, whole, 620, 620, false);
      for (const int threads : {1, 3}) {
        ThreadPool::shared().set_threads(threads);
        for (const int chunk : {7, 100, 256}) {
          RollingCache cache(window, format);
          EXPECT_TRUE(same_bits(roll(kOwnAttention, tokens, cache, chunk, 600, true), wanted))
              << window.rows << " rows, " << window.sinks << " sinks, " << format.bits
              << " bits, chunks of " << chunk << ", " << threads << " threads";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, RowWindowTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(RowWindow, ALayersOwnWindowHasNoSinks) {
  const auto seen = [](int layer, const RowWindow& window) {
    const SeenRows rows = seen_rows(layer, window);
    return std::pair(rows.window, rows.sinks);
  };
  EXPECT_EQ(seen(0, {}), std::pair(0, 0));
  EXPECT_EQ(seen(0, {100, 4}), std::pair(100, 4));
  EXPECT_EQ(seen(50, {}), std::pair(50, 0));
  EXPECT_EQ(seen(50, {100, 4}), std::pair(50, 0));
  EXPECT_EQ(seen(200, {100, 4}), std::pair(100, 0));
}

TEST(RowWindow, WhatDoesNotHoldWhatIsSeenIsRefused) {
  const Tokens tokens(2, kShape, 1);
  const auto run = [&](int position, const RowWindow& window, int layer_window = 0) {
    const Cache cache(kShape, 700);
    AttentionShape shape = kShape;
    shape.window = layer_window;
    cached_attention(
        tokens.q,
        tokens.k,
        tokens.v,
        rotation_of(64),
        {{cache.keys, cache.values, 2, position, {}, window}},
        shape);
  };
  EXPECT_NO_THROW(run(400, {100, 4, 256 - 4}));
  EXPECT_NO_THROW(run(1000, {100, 4, 896 - 4}));
  EXPECT_NO_THROW(run(400, {300, 4, 320 - 4}, 50));
  EXPECT_THROW(run(400, {100, 4, 256}), base::Error) << "no whole tile";
  EXPECT_THROW(run(400, {100, 4, 320 - 4}), base::Error) << "301 to 319 are seen";
  EXPECT_THROW(run(1000, {100, 4, 256 - 4}), base::Error) << "too many for the arrays";
  EXPECT_THROW(run(400, {0, 0, 64}), base::Error) << "all are seen";
  EXPECT_THROW(run(0, {0, 4}), base::Error);
  EXPECT_THROW(run(0, {100, -1}), base::Error);
  EXPECT_THROW(run(0, {100, 65}), base::Error);
  EXPECT_THROW(run(0, {-1, 0}), base::Error);
}

}  // namespace
}  // namespace hub::kernels
