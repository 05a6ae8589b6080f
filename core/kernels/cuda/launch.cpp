#include "core/kernels/cuda/launch.h"

#include <stdexcept>
#include <string>
#include <unordered_map>

#include <mlx/primitives.h>

#include "core/kernels/cuda/mlx_encoder.h"

namespace hub::kernels::cuda {

namespace {

namespace mx = mlx::core;

void require(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
  }
}

// MLX has a CUDA runtime of its own, so it can't be given our symbols, but the driver's handles.
CUfunction driver_function(const Launch& launch) {
  static std::unordered_map<const void*, CUfunction> known;  // of the one thread that owns MLX
  const auto found = known.find(launch.function);
  if (found != known.end()) {
    return found->second;
  }
  require(
      cudaFuncSetAttribute(
          launch.function,
          cudaFuncAttributeMaxDynamicSharedMemorySize,
          static_cast<int>(most_shared_bytes())),
      "shared memory of a kernel");
  cudaFunction_t function = nullptr;
  require(cudaGetFuncBySymbol(&function, launch.function), "handle of a kernel");
  return known.emplace(launch.function, function).first->second;
}

}  // namespace

bool runs_here(const void* function) {
  cudaFuncAttributes attributes{};
  const bool runs = cudaFuncGetAttributes(&attributes, function) == cudaSuccess;
  cudaGetLastError();  // or the next call would report it
  return runs;
}

unsigned most_shared_bytes() {
  static const unsigned most = [] {
    int bytes = 0;
    return cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess
               ? static_cast<unsigned>(bytes)
               : 0U;
  }();
  return most;
}

void launch_kernel(
    const Launch& launch, void* call, const std::vector<mx::array>& inputs, mx::array& out) {
  const CUfunction function = driver_function(launch);
  auto& encoder = mx::cu::get_command_encoder(out.primitive().stream());
  for (const mx::array& input : inputs) {
    encoder.set_input_array(input);
  }
  encoder.set_output_array(out);
  void* parameters[] = {call};
  encoder.add_kernel_node_raw(
      function,
      dim3(launch.grid_x, launch.grid_y),
      dim3(launch.threads),
      dim3(0, 0, 0),
      launch.shared_bytes,
      parameters);
}

}  // namespace hub::kernels::cuda
