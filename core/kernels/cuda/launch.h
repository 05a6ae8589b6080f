#pragma once

#include <vector>

#include <mlx/array.h>

#include "core/kernels/cuda/call.h"

namespace hub::kernels::cuda {

// True where this device runs `function`: it was compiled for it, or the driver can.
bool runs_here(const void* function);

// Shared memory that a block can have on this device; 0 where CUDA does not say.
unsigned most_shared_bytes();

// Adds a launch of a kernel, whose only parameter is *call, to what MLX's encoder of `out`'s stream
// sends next. Throws std::runtime_error with CUDA's reason.
void launch_kernel(
    const Launch& launch,
    void* call,
    const std::vector<mlx::core::array>& inputs,
    mlx::core::array& out);

}  // namespace hub::kernels::cuda
