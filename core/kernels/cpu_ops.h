#pragma once

#include <cstdint>

#include "core/kernels/cpu_level.h"
#include "core/kernels/row_format.h"

namespace hub::kernels {

// Elements of K that one partial sum of a dot product covers. Part of the summation order.
inline constexpr int kDotBlock = 1024;
// Rows of W that one partial sum of x W covers. Part of the summation order.
inline constexpr int kOuterBlock = 256;
// The most rows and columns of W that one call may cover: what its scratch holds.
inline constexpr int kPanelRows = 96;
inline constexpr int kStripColumns = 64;
inline constexpr int kDotScratch = kPanelRows * kDotBlock;         // floats
inline constexpr int kOuterScratch = kOuterBlock * kStripColumns;  // floats

// Plain pointers to a packed weight [rows, columns]; see quantized_matmul.h.
struct PackedRows {
  const std::uint32_t* words;
  const void* scales;  // float or IEEE half
  const void* biases;
  bool half_scales;
  int columns;
  int group_size;
  int bits;
};

struct DenseRows {
  const float* data;  // row-major [rows, columns]
  int columns;
};

// A half-open range of rows (or columns).
struct Range {
  int begin;
  int end;
};

struct SwigluGradient {
  const float* gate;
  const float* up;
  const float* out_gradient;
};

struct RmsNormGradient {
  const float* x;
  const float* weight;
  const float* out_gradient;
  float eps;
  int columns;
};

// The rotary embedding at one position.
struct Rotation {
  const float* cosines;  // [rotated / 2]
  const float* sines;
  int head_dim;
  int rotated;  // the first elements of a head; the others keep their place
  bool traditional;
};

// Keys per segment and per tile of the attention kernel. Part of the summation order.
inline constexpr int kAttentionSegment = 256;
inline constexpr int kAttentionTile = 64;

// Queries of one sequence that share a key/value head: row r stands at position
// position + r / rows_per_position.
struct AttentionRows {
  const float* q;       // [rows, head_dim], rotated and scaled
  const float* keys;    // [positions, head_dim], rotated
  const float* values;  // [positions, head_dim]
  int rows;
  int rows_per_position;
  int position;
  int head_dim;
  int window;  // positions that a row sees, its own included; 0: all
  int first;   // the position whose key and value come first
  // Every row sees positions [0, sinks), too; where `first` is beyond them they lie here.
  int sinks;
  const float* sink_keys;
  const float* sink_values;
};

// A softmax under way: the largest score, the sum of e^(score - largest), and the sum of the values
// with these weights.
struct PartialAttention {
  float* maxima;  // [rows]
  float* sums;    // [rows]
  float* values;  // [rows, head_dim]
};

// One query head of one sequence in training, positions 0 … length - 1, causal.
struct AttentionGradient {
  const float* q;  // [length, head_dim], rotated and scaled
  const float* k;  // [length, head_dim], rotated
  const float* v;  // rows v_stride apart
  std::int64_t v_stride;
  const float* out_gradient;  // rows out_stride apart
  std::int64_t out_stride;
  int length;
  int head_dim;
  int window;  // as in AttentionRows
  float sink;  // a score more in each row's softmax, without a value; -infinity: none
  // Results, [length, head_dim] each; of the scaled q and the rotated k.
  float* q_gradient;
  float* k_gradient;
  float* v_gradient;
};
// Queries that are worked on at once in the gradient. Part of the summation order.
inline constexpr int kGradientRows = 64;

// What the primitives call, compiled once per CpuLevel. All of them work on a part of an operation,
// allocate nothing, and give an element the same bits however the operation was parted.
struct CpuOps {
  // y[m, n] = sum_k x[m, k] W[n, k]. x has W.columns per row, y `y_columns`.
  // For 4 bits x must have been through mix_rows. n: at most kPanelRows; scratch: kDotScratch.
  void (*packed_dot)(
      const float* x,
      const PackedRows& w,
      float* y,
      int y_columns,
      Range m,
      Range n,
      float* scratch);
  void (*dense_dot)(const float* x, const DenseRows& w, float* y, int y_columns, Range m, Range n);
  // Brings each 32 elements into the order in which 4-bit weights are unpacked. columns % 32 == 0.
  void (*mix_rows)(const float* x, float* mixed, int columns, Range rows);

  // y[m, c] = sum_n x[m, n] W[n, c] over all `depth` rows of W. c: begins at a multiple of 32, at
  // most kStripColumns; scratch: kOuterScratch.
  void (*packed_outer)(
      const float* x, const PackedRows& w, int depth, float* y, Range m, Range c, float* scratch);
  void (*dense_outer)(
      const float* x, const DenseRows& w, int depth, float* y, Range m, Range c, float* scratch);

  // silu(gate) * up and its gradients, elements [begin, end).
  void (*swiglu)(
      const float* gate, const float* up, float* out, std::int64_t begin, std::int64_t end);
  void (*swiglu_gradient)(
      const SwigluGradient& in,
      float* gate_gradient,
      float* up_gradient,
      std::int64_t begin,
      std::int64_t end);
  // See rms_norm.h; the gradient is that of x.
  void (*rms_norm)(
      const float* x, const float* weight, float eps, int columns, float* out, Range rows);
  void (*rms_norm_gradient)(const RmsNormGradient& in, float* gradient, Range rows);

  // Rotates and scales the heads of one token; those of `out` are out_stride apart.
  void (*rotate_heads)(
      const Rotation& rotation,
      const float* in,
      int heads,
      float scale,
      float* out,
      int out_stride);
  // One key or value of `columns` elements as the cache keeps it, with format.bits > 0.
  void (*quantize_row)(const float* x, const RowFormat& format, int columns, std::uint32_t* row);
  // `count` such rows, one after another, as floats [count, columns].
  void (*dequantize_rows)(
      const std::uint32_t* rows, const RowFormat& format, int columns, int count, float* out);
  // The rows' attention to the keys of one segment alone. scores: (rows + head_dim) *
  // kAttentionTile floats of scratch.
  void (*attend_segment)(
      const AttentionRows& in, int segment, const PartialAttention& out, float* scores);
  void (*merge_attention)(
      const PartialAttention& total, const PartialAttention& next, int rows, int head_dim);
  // Takes a score without a value into a row's softmax.
  void (*add_sink)(const PartialAttention& total, int row, int head_dim, float sink);
  // The row's attention: values / sum.
  void (*finish_attention)(const PartialAttention& total, int row, int head_dim, float* out);
  // scratch: 2 * kGradientRows * (length rounded up to 16) + kAttentionTile * head_dim floats.
  void (*attention_gradient)(const AttentionGradient& in, float* scratch);

  // log(sum(e^x)) over n elements, and gradient[i] = factor * e^(x[i] - log_sum), less `factor` at
  // `target`; gradient == x is allowed.
  float (*log_sum_exp)(const float* x, int n);
  void (*cross_entropy_gradient)(
      const float* x, int n, float log_sum, int target, float factor, float* gradient);
};

const CpuOps& cpu_ops(CpuLevel level);

// One each, in cpu_ops_<level>.cpp.
const CpuOps& portable_ops();
const CpuOps& avx2_ops();
const CpuOps& avx512_ops();

}  // namespace hub::kernels
