// libmlx_hub_cuda.so: own CUDA kernels as MLX primitives, loaded by core/kernels/cuda_plugin.h.
#include <string>

#include <mlx/transforms.h>
#include <mlx/version.h>

#include "core/kernels/cuda/launch.h"
#include "core/kernels/cuda/memory.h"
#include "core/kernels/cuda/plan_launch.h"
#include "core/kernels/cuda/primitives.h"

namespace hub::kernels {

namespace {

#define HUB_TEXT(x) #x
#define HUB_VERSION_TEXT(major, minor, patch) \
  HUB_TEXT(major) "." HUB_TEXT(minor) "." HUB_TEXT(patch)

CudaPluginHost& host() {
  static CudaPluginHost given{};
  return given;
}

// Stands for an output of some primitive, to try memory with.
bool memory_works() {
  constexpr int bytes = 1 << 20;
  const mx::array some = host().astype(mx::array({0.0F, 1.0F}), mx::float16);
  mx::array out({bytes}, mx::uint8, some.primitive_ptr(), {});
  return cuda::allocates(out);
}

const char* start(const CudaPluginHost& given) {
  host() = given;
  // The context of the device is MLX's: it exists once something was evaluated.
  mx::array first = host().astype(mx::array({1.0F, 2.0F}), mx::float16);
  mx::eval(first);
  if (!cuda::runs_here(
          cuda::dequantize_function({cuda::Number::kBfloat16, cuda::Number::kBfloat16, 4})
              .function)) {
    return "its kernels were not compiled for this GPU";
  }
  cuda::prepare_memory(host());
  if (!memory_works()) {
    return "this MLX gives it no memory on the device";
  }
  return nullptr;
}

bool multiplies(int rows, mx::Dtype x, const CudaWeight& weight) {
  if ((x != mx::bfloat16 && x != mx::float16) || !cuda::is_number(weight.scales.dtype())) {
    return false;
  }
  const cuda::Problem problem = cuda::problem_of(rows, x, weight);
  return cuda::multiplies(problem) &&
         cuda::launch_for(cuda::plan_for(problem), problem).shared_bytes <=
             cuda::most_shared_bytes();
}

mx::array quantized_matmul(const mx::array& x, const CudaWeight& weight) {
  return cuda::build_matmul(x, weight, host());
}

bool dequantizes(mx::Dtype to, const CudaWeight& weight) {
  return (to == mx::bfloat16 || to == mx::float16) && cuda::is_number(weight.scales.dtype()) &&
         (weight.bits == 4 || weight.bits == 8) &&
         (weight.group_size == 32 || weight.group_size == 64 || weight.group_size == 128);
}

const CudaPluginTable kTable{
    kCudaPluginVersion,
    HUB_VERSION_TEXT(MLX_VERSION_MAJOR, MLX_VERSION_MINOR, MLX_VERSION_PATCH),
    start,
    multiplies,
    quantized_matmul,
    dequantizes,
    cuda::build_dequantize};

}  // namespace

}  // namespace hub::kernels

extern "C" __attribute__((visibility("default"))) const hub::kernels::CudaPluginTable*
mlx_hub_cuda_plugin() {
  return &hub::kernels::kTable;
}
