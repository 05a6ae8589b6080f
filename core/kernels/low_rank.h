#pragma once

#include <functional>

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// A linear map that is not trained, as graphs: y = forward(x) [M, N] of x [M, K], and the gradient
// of x of that of y. Held until the backward pass is built.
struct FrozenLinear {
  std::function<mx::array(const mx::array&)> forward;
  std::function<mx::array(const mx::array&)> backward;
};

// True where adapted() has kernels of its own: on CUDA, x [M, K] of a half type, and K, N and the
// rank multiples of 8.
bool has_own_low_rank(const mx::array& x, const mx::array& a, const mx::array& b);

// base(x) + scale * (x a) b (arXiv:2106.09685 eq. 3). x [M, K] of a half type; a [K, R] and
// b [R, N] float32. All products with the factors are in float32 and are rounded once, with what
// they are added to; no float32 copy of x, y or their gradients is made. Differentiable in x, a
// and b; the backward pass keeps x and x a. The gradient of x waits for those of a and b. Requires
// has_own_low_rank(). Builds a graph only.
mx::array adapted(
    const FrozenLinear& base,
    const mx::array& x,
    const mx::array& a,
    const mx::array& b,
    float scale);

}  // namespace hub::kernels
