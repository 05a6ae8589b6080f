#pragma once

#include <mlx/array.h>

#include "core/kernels/row_format.h"

// Cached keys and values in few bits, by MLX's own operations: what other devices than the CPU run.
namespace hub::kernels {

namespace mx = mlx::core;

// Elements of a cache array's last axis: head_dim floats, or so many uint32 words.
int row_width(const RowFormat& format, int head_dim);

// Whether rows of head_dim elements can have that format.
bool format_fits(const RowFormat& format, int head_dim);

// x [..., D] of any float -> [..., row_width] uint32. format.bits > 0.
mx::array quantize_rows(const mx::array& x, const RowFormat& format);

// What quantize_rows() packed, as [..., head_dim] of `dtype`.
mx::array dequantize_rows(
    const mx::array& rows, const RowFormat& format, int head_dim, mx::Dtype dtype);

}  // namespace hub::kernels
