#pragma once

#include <functional>

#include <mlx/array.h>

namespace hub::kernels {

// On the CPU a row's result never depends on what other rows an operation has. On a GPU it may,
// since kernels and the order of their sums are chosen by the number of rows, unless this is set:
// then every product has the same number of rows (in_row_blocks()), and attention takes its
// positions in parts of a fixed size. Costs speed. Set before the first operation that it is to
// hold for.
void set_batch_invariant(bool on);

// On a GPU and set.
bool batch_invariant();

// product(x) for x [M, K] -> [M, N]; with batch_invariant() in blocks of 32 rows, the last one
// filled up with zeros. Builds a graph only.
mlx::core::array in_row_blocks(
    const mlx::core::array& x,
    const std::function<mlx::core::array(const mlx::core::array&)>& product);

}  // namespace hub::kernels
