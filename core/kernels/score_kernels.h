#pragma once

// Dot products of queries with keys for one level. Lanes run along the keys; an element is the sum
// of q[d] k[d] in the order of d, whether the keys are turned in registers for a few queries or
// into a panel for many.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/dot_product.h"
#include "core/kernels/outer_product.h"

namespace hub::kernels {

// Queries up to which the keys are turned in registers.
constexpr int kFewQueries = 8;

// Elements d, …, d + 3 of sixteen keys, a vector for each element; of fewer keys the last one is
// repeated, and of fewer elements than four zeros follow.
template <class S>
HUB_INLINE void key_columns(const Rows& keys, int count, int d, int dim, typename S::F* columns) {
  if (count >= 16 && d + 4 <= dim) {
    S::load_columns(keys.row(0) + d, keys.stride, columns);
    return;
  }
  alignas(64) float some[64] = {};
  for (std::int64_t key = 0; key < 16; ++key) {
    const float* from = keys.row(key < count ? key : count - 1) + d;
    if (d + 4 <= dim) {
      __builtin_memcpy(some + 4 * key, from, 4 * sizeof(float));
    } else {
      for (int i = 0; d + i < dim; ++i) {
        some[4 * key + i] = from[i];
      }
    }
  }
  S::load_columns(some, 4, columns);
}

// kM queries and kBlocks times sixteen keys, the last of which may be fewer.
template <class S, int kM, int kBlocks>
HUB_INLINE void few_scores_of(
    const Rows& q, const Rows& keys, int count, int dim, const Target& y) {
  typename S::F sums[kBlocks * kM];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  for (int d = 0; d < dim; d += 4) {
    const int elements = dim - d < 4 ? dim - d : 4;
    HUB_UNROLL
    for (int block = 0; block < kBlocks; ++block) {
      typename S::F columns[4];
      const int first = 16 * block;
      key_columns<S>({keys.row(first), keys.stride}, count - first, d, dim, columns);
      for (int i = 0; i < elements; ++i) {
        HUB_UNROLL
        for (int m = 0; m < kM; ++m) {
          auto& sum = sums[block * kM + m];
          sum = S::fma(S::set(q.data[m * q.stride + d + i]), columns[i], sum);
        }
      }
    }
  }
  for (int m = 0; m < kM; ++m) {
    for (int block = 0; block < kBlocks; ++block) {
      S::store(y.at(m, std::int64_t{16} * block).data, sums[block * kM + m]);
    }
  }
}

// kM queries; sixteen elements of y are written for each sixteen keys begun.
template <class S, int kM>
void few_scores(const Rows& q, const Rows& keys, int count, int dim, const Target& y) {
  int key = 0;
  for (; key + 16 < count; key += 32) {  // two sums side by side, since each waits for itself
    few_scores_of<S, kM, 2>(q, {keys.row(key), keys.stride}, count - key, dim, y.at(0, key));
  }
  if (key < count) {
    few_scores_of<S, kM, 1>(q, {keys.row(key), keys.stride}, count - key, dim, y.at(0, key));
  }
}

// Up to kAttentionTile keys as [dim, kAttentionTile], zeros after them.
template <class S>
void turn_keys(const Rows& keys, int count, int dim, float* turned) {
  for (int key = 0; key < kAttentionTile; key += 16) {
    for (int d = 0; d < dim; d += 4) {
      typename S::F columns[4] = {S::zero(), S::zero(), S::zero(), S::zero()};
      if (key < count) {
        key_columns<S>({keys.row(key), keys.stride}, count - key, d, dim, columns);
      }
      for (int i = 0; i < 4 && d + i < dim; ++i) {
        S::store(turned + std::int64_t{d + i} * kAttentionTile + key, columns[i]);
      }
    }
  }
}

// y[m, key] = q_m . k_key for `rows` queries and up to kAttentionTile keys. Rows of y have room for
// `count` rounded up to sixteen. turned: dim * kAttentionTile floats of scratch.
template <class S>
void score_tile(
    const Rows& q, int rows, const Rows& keys, int count, int dim, const Target& y, float* turned) {
  switch (rows) {
    case 1:
      return few_scores<S, 1>(q, keys, count, dim, y);
    case 2:
      return few_scores<S, 2>(q, keys, count, dim, y);
    case 3:
      return few_scores<S, 3>(q, keys, count, dim, y);
    case 4:
      return few_scores<S, 4>(q, keys, count, dim, y);
    default:
      break;
  }
  if (rows <= kFewQueries) {
    few_scores<S, 4>(q, keys, count, dim, y);
    score_tile<S>({q.row(4), q.stride}, rows - 4, keys, count, dim, y.at(4, 0), turned);
    return;
  }
  turn_keys<S>(keys, count, dim, turned);
  outer_strip<S>(
      {q.data, q.stride, 1}, rows, {turned, kAttentionTile}, dim, {y.data, y.stride, false}, count);
}

// score_tile() of any number of keys.
template <class S>
void score_rows(
    const Rows& q, int rows, const Rows& keys, int count, int dim, const Target& y, float* turned) {
  for (int key = 0; key < count; key += kAttentionTile) {
    const int some = count - key < kAttentionTile ? count - key : kAttentionTile;
    score_tile<S>(q, rows, {keys.row(key), keys.stride}, some, dim, y.at(0, key), turned);
  }
}

}  // namespace hub::kernels
