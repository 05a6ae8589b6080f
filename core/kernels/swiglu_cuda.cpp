#include "core/kernels/swiglu_cuda.h"

#include <vector>

#include <mlx/fast.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

constexpr int kThreads = 256;
constexpr int kElements = 8;  // of a thread: 16 bytes

constexpr const char* kHeader = R"(
#include "mlx/backend/cuda/device/unary_ops.cuh"

template <typename T>
struct alignas(16) HubEight {
  T values[8];
};
)";

constexpr const char* kForward = R"(
  const size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const auto gates = reinterpret_cast<const HubEight<T>*>(gate)[i];
  const auto ups = reinterpret_cast<const HubEight<T>*>(up)[i];
  HubEight<T> results;
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const T g = gates.values[j];
    const T activated = g * mlx::core::cu::Sigmoid{}(g);
    results.values[j] = activated * ups.values[j];
  }
  reinterpret_cast<HubEight<T>*>(out)[i] = results;
)";

// With s = sigmoid(g): d_up = d g s, d_gate = d up s (1 + g (1 - s)).
constexpr const char* kBackward = R"(
  const size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const auto gates = reinterpret_cast<const HubEight<T>*>(gate)[i];
  const auto ups = reinterpret_cast<const HubEight<T>*>(up)[i];
  const auto gradients = reinterpret_cast<const HubEight<T>*>(gradient)[i];
  HubEight<T> for_gate, for_up;
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const float g = static_cast<float>(gates.values[j]);
    const float d = static_cast<float>(gradients.values[j]);
    const float s = 1.0f / (1.0f + __expf(-g));
    for_up.values[j] = static_cast<T>(d * g * s);
    for_gate.values[j] =
        static_cast<T>(d * static_cast<float>(ups.values[j]) * s * (1.0f + g * (1.0f - s)));
  }
  reinterpret_cast<HubEight<T>*>(gate_gradient)[i] = for_gate;
  reinterpret_cast<HubEight<T>*>(up_gradient)[i] = for_up;
)";

int threads_for(const mx::array& x) {
  return static_cast<int>(x.size() / kElements);
}

}  // namespace

bool has_swiglu_cuda(const mx::array& gate, const mx::array& up) {
  const bool half = gate.dtype() == mx::bfloat16 || gate.dtype() == mx::float16;
  return tensor::default_device_is_cuda() && half && up.dtype() == gate.dtype() &&
         gate.size() > 0 && gate.size() % (kElements * kThreads) == 0;
}

mx::array swiglu_cuda(const mx::array& gate, const mx::array& up) {
  static const auto forward_kernel =
      mx::fast::cuda_kernel("hub_swiglu", {"gate", "up"}, {"out"}, kForward, kHeader);
  static const auto backward_kernel = mx::fast::cuda_kernel(
      "hub_swiglu_gradient",
      {"gate", "up", "gradient"},
      {"gate_gradient", "up_gradient"},
      kBackward,
      kHeader);
  const auto forward = [](const std::vector<mx::array>& in) {
    return forward_kernel(
        in,
        {in[0].shape()},
        {in[0].dtype()},
        {threads_for(in[0]), 1, 1},
        {kThreads, 1, 1},
        {{"T", in[0].dtype()}},
        std::nullopt,
        false,
        {});
  };
  const auto backward = [](const std::vector<mx::array>& primals,
                           const std::vector<mx::array>& cotangents,
                           const std::vector<mx::array>& /*outputs*/) {
    const auto& gates = primals[0];
    return backward_kernel(
        {gates, primals[1], cotangents[0]},
        {gates.shape(), gates.shape()},
        {gates.dtype(), gates.dtype()},
        {threads_for(gates), 1, 1},
        {kThreads, 1, 1},
        {{"T", gates.dtype()}},
        std::nullopt,
        false,
        {});
  };
  return mx::custom_vjp(forward, backward)({gate, up})[0];
}

}  // namespace hub::kernels
