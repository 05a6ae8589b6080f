#pragma once

#include <cstddef>
#include <cstdint>

#include <mlx/array.h>

#include "core/kernels/cuda_plugin_table.h"

// Device memory of arrays while a primitive is evaluated.
namespace hub::kernels::cuda {

// Before the functions below; on the thread that owns MLX. Evaluates nothing.
void prepare_memory(const CudaPluginHost& host);

// Gives `out`, an output of a primitive that is being evaluated, memory of MLX's own allocator on
// the primitive's stream: counted, bounded and kept for reuse as MLX's own outputs are.
void allocate(mx::array& out);

// Allocates, and says whether all of `out` fits in: false where this MLX's copies work otherwise
// than those that allocate() was written for.
bool allocates(mx::array& out);

// x itself where it is row-contiguous and begins at a multiple of `alignment` bytes, else a copy
// that is; `out` as in allocate().
mx::array laid_out(const mx::array& x, const mx::array& out, std::size_t alignment);

// Where an array's elements begin on the device.
void* device_pointer(const mx::array& x);

}  // namespace hub::kernels::cuda
