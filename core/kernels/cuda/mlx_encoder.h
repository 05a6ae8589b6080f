#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include <cuda.h>
#include <cuda_runtime.h>
#include <mlx/array.h>
#include <mlx/stream.h>
#include <mlx/version.h>

// The part of MLX's CUDA back end that the plugin calls, declared as in backend/cuda/device.h and
// backend/cuda/allocator.h of mlx-cuda-13, whose package need not be there to build. CommandEncoder
// is MLX's own object, only ever referred to: its members are left out. The worker refuses a plugin
// built for another MLX (cuda_plugin.h).
static_assert(
    MLX_VERSION_NUMERIC == 32'004, "compare these declarations with the new MLX's headers");

namespace mlx::core::cu {

struct CudaBuffer {
  void* data;
  std::size_t size;
  int device;  // -1: managed memory
};

class __attribute__((visibility("default"))) CommandEncoder {
 public:
  CommandEncoder(const CommandEncoder&) = delete;
  CommandEncoder& operator=(const CommandEncoder&) = delete;

  void set_input_array(const array& input);
  void set_output_array(const array& output);
  // Parameters are copied during the call.
  void add_kernel_node_raw(
      CUfunction function,
      dim3 grid,
      dim3 block,
      dim3 cluster,
      std::uint32_t shared_bytes,
      void** parameters);
  // Called when everything that was added before has run.
  void add_completed_handler(std::function<void()> task);
};

__attribute__((visibility("default"))) CommandEncoder& get_command_encoder(Stream stream);

}  // namespace mlx::core::cu
