#pragma once

namespace hub::kernels {

// How a cache keeps the D elements of a key or value. bits 0: as they are. Else (4 or 8) by MLX's
// affine quantization (mlx.core.quantize), as words of 32 bits: D * bits / 32 of fields, then the
// scale of each group, then the bias of each, both float32. group_size: a multiple of 32 that
// divides D.
struct RowFormat {
  int bits = 0;
  int group_size = 0;
};

}  // namespace hub::kernels
