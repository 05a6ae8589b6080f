#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/kernels/cached_attention.h"
#include "core/kernels/quantized_rows.h"
#include "tests/support/own_attention.h"
#include "tests/unit/kernels/kernel_inputs.h"

// What the tests of attention over a cache share.
namespace hub::kernels {

inline constexpr int kCapacity = 700;

inline AttentionShape shape_of(int heads, int kv_heads, int head_dim, bool traditional = false) {
  return {heads, kv_heads, head_dim, 1.0F / std::sqrt(static_cast<float>(head_dim)), traditional};
}

inline RotaryEmbedding rotation_of(int head_dim) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(head_dim / 2));
  for (int i = 0; i < head_dim / 2; ++i) {
    result.push_back(
        std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(head_dim)));
  }
  return {mx::array(result.begin(), {head_dim / 2})};
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
  RowFormat format;
  int length = 0;

  explicit Cache(const AttentionShape& shape, int capacity = kCapacity, const RowFormat& kept = {})
      : keys(
            mx::zeros(
                {shape.kv_heads, capacity, row_width(kept, shape.head_dim)},
                kept.bits > 0 ? mx::uint32 : mx::float32)),
        values(keys),
        format(kept) {
    values = mx::zeros_like(keys);
    mx::eval({keys, values});
  }
};

// Feeds rows [begin, end) of the tokens in pieces of `chunk`; the outputs of all rows.
inline std::vector<float> feed(
    const Tokens& tokens,
    Cache& cache,
    int begin,
    int end,
    int chunk,
    const AttentionShape& shape,
    const std::optional<RotaryEmbedding>& rotation = std::nullopt,
    const std::optional<mx::array>& sinks = std::nullopt) {
  std::vector<float> all;
  for (int at = begin; at < end; at += chunk) {
    const int stop = std::min(end, at + chunk);
    auto step = cached_attention(
        rows_of(tokens.q, at, stop),
        rows_of(tokens.k, at, stop),
        rows_of(tokens.v, at, stop),
        rotation ? *rotation : rotation_of(shape.head_dim),
        {{std::move(cache.keys), std::move(cache.values), stop - at, cache.length, cache.format}},
        shape,
        sinks);
    cache.keys = step.caches[0].keys;
    cache.values = step.caches[0].values;
    cache.length += stop - at;
    mx::eval({step.out, cache.keys, cache.values});
    const auto part = values(step.out);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace hub::kernels
