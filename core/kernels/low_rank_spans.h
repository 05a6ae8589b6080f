#pragma once

#include <vector>

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// Rows [begin, end) with the factors of one adapter.
struct LowRankSpan {
  int begin;
  int end;
  mx::array a;  // [K, R] float32
  mx::array b;  // [R, N] float32
  float scale;
};

// y [M, N] with scale * (x a) b added to the rows of each span (arXiv:2106.09685 eq. 3); x [M, K].
// float32, on the CPU, for serving: not differentiable. One operation for all spans, where a batch
// of many adapters would otherwise be thousands of small ones. The spans do not overlap. An element
// has the bits that matmul(), multiply and add give, whatever the other rows are.
// Builds a graph, and evaluates factors that are not there yet; belongs to the thread that owns
// MLX.
mx::array add_low_rank(const mx::array& y, const mx::array& x, std::vector<LowRankSpan> spans);

}  // namespace hub::kernels
