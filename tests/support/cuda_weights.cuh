#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cuda_runtime.h>

#include "core/kernels/cuda/call.h"
#include "core/kernels/cuda/mma.cuh"
#include "core/kernels/cuda/selection.h"

// Random packed weights on the device, what their products must be, and how long launches take.
namespace hub::kernels::cuda {

constexpr std::size_t kBeyondCache = std::size_t{200} << 20;

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(status));
    std::exit(1);
  }
}

__device__ unsigned hash(unsigned x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  return x ^ x >> 16;
}

__global__ void random_words(unsigned* out, std::size_t count, unsigned seed) {
  for (std::size_t i = blockIdx.x * std::size_t{256} + threadIdx.x; i < count;
       i += std::size_t{256} * gridDim.x) {
    out[i] = hash(static_cast<unsigned>(i) ^ seed);
  }
}

// Uniform in [from, to).
template <typename T>
__global__ void random_numbers(T* out, std::size_t count, unsigned seed, float from, float to) {
  for (std::size_t i = blockIdx.x * std::size_t{256} + threadIdx.x; i < count;
       i += std::size_t{256} * gridDim.x) {
    const float unit = static_cast<float>(hash(static_cast<unsigned>(i) ^ seed) >> 8) / 16777216.0F;
    out[i] = static_cast<T>(from + (to - from) * unit);
  }
}

template <typename T>
__device__ float number(const void* from, std::size_t at) {
  return static_cast<float>(static_cast<const T*>(from)[at]);
}

__device__ float number_of(const void* from, std::size_t at, Number type) {
  return type == Number::kFloat32   ? number<float>(from, at)
         : type == Number::kFloat16 ? number<__half>(from, at)
                                    : number<__nv_bfloat16>(from, at);
}

__device__ float rounded(float x, Number type) {
  return type == Number::kFloat32   ? x
         : type == Number::kFloat16 ? __half2float(__float2half_rn(x))
                                    : __bfloat162float(__float2bfloat16_rn(x));
}

// y in float64 sums of the weight as MLX unpacks it, in the type of the scales.
__global__ void reference(MatmulCall call, int bits, Number x_type, Number scale_type, float* y) {
  const int n = blockIdx.x;
  const int m = blockIdx.y;
  double sum = 0;
  const int groups = call.columns >> call.group_shift;
  for (int k = threadIdx.x; k < call.columns; k += 128) {
    const std::size_t word = (std::size_t(n) * call.columns + k) * bits / 32;
    const unsigned q = call.packed[word] >> (k * bits % 32) & ((1U << bits) - 1U);
    const std::size_t group = std::size_t(n) * groups + (k >> call.group_shift);
    const float w = rounded(
        fmaf(
            number_of(call.scales, group, scale_type),
            float(q),
            number_of(call.biases, group, scale_type)),
        scale_type);
    sum += double(w) * number_of(call.x, std::size_t(m) * call.x_stride + k, x_type);
  }
  __shared__ double sums[128];
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < 128; ++i) {
      sum += sums[i];
    }
    y[std::size_t(m) * call.outputs + n] = float(sum);
  }
}

__global__ void read_all(const uint4* from, std::size_t count, unsigned* out) {
  unsigned sum = 0;
  for (std::size_t i = blockIdx.x * std::size_t{1024} + threadIdx.x; i < count;
       i += std::size_t{1024} * gridDim.x) {
    const uint4 v = __ldcs(from + i);
    sum ^= v.x ^ v.y ^ v.z ^ v.w;
  }
  if (sum == 0x12345678U) {
    *out = sum;
  }
}

inline void* allocate(std::size_t bytes) {
  void* out = nullptr;
  check(cudaMalloc(&out, bytes + 256), "cudaMalloc");
  return out;
}

inline std::size_t size_of(Number type) {
  return type == Number::kFloat32 ? 4 : 2;
}

inline void fill(void* out, Number type, std::size_t count, unsigned seed, float from, float to) {
  if (type == Number::kFloat32) {
    random_numbers<<<512, 256>>>(static_cast<float*>(out), count, seed, from, to);
  } else if (type == Number::kFloat16) {
    random_numbers<<<512, 256>>>(static_cast<__half*>(out), count, seed, from, to);
  } else {
    random_numbers<<<512, 256>>>(static_cast<__nv_bfloat16*>(out), count, seed, from, to);
  }
}

// Microseconds of one of `launches`, in a graph of at least 30 that depend on each other; best
// of 6.
template <class Start>
double time_of(int launches, const Start& start) {
  static cudaStream_t stream = [] {
    cudaStream_t made = nullptr;
    check(cudaStreamCreate(&made), "stream");
    return made;
  }();
  const int count = std::max(30, launches);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  for (int i = 0; i < count; ++i) {
    start(i % launches, stream);
  }
  check(cudaStreamEndCapture(stream, &graph), "capture ends");
  check(cudaGraphInstantiate(&ready, graph, 0), "instantiate");
  cudaEvent_t before = nullptr;
  cudaEvent_t after = nullptr;
  cudaEventCreate(&before);
  cudaEventCreate(&after);
  float best = 1e30F;
  for (int i = 0; i < 6; ++i) {
    cudaEventRecord(before, stream);
    check(cudaGraphLaunch(ready, stream), "launch");
    cudaEventRecord(after, stream);
    check(cudaStreamSynchronize(stream), "kernel");
    float ms = 0;
    cudaEventElapsedTime(&ms, before, after);
    best = std::min(best, ms);
  }
  cudaGraphExecDestroy(ready);
  cudaGraphDestroy(graph);
  cudaEventDestroy(before);
  cudaEventDestroy(after);
  return double(best) * 1e3 / count;
}

struct Weights {
  std::vector<MatmulCall> calls;  // one a copy
  std::vector<void*> buffers;

  Weights(const Problem& p, int most_rows, bool rotate) {
    const std::size_t packed = std::size_t(p.outputs) * p.columns * p.bits / 8;
    const std::size_t groups = std::size_t(p.outputs) * (p.columns / p.group_size);
    const std::size_t copies = rotate ? std::max<std::size_t>(2, kBeyondCache / packed + 1) : 1;
    void* x = own(std::size_t(most_rows) * p.columns * 2);
    void* y = own(std::size_t(most_rows) * p.outputs * 2);
    fill(x, p.x, std::size_t(most_rows) * p.columns, 77, -1, 1);
    for (std::size_t i = 0; i < copies; ++i) {
      auto* words = static_cast<unsigned*>(own(packed));
      void* scales = own(groups * size_of(p.scales));
      void* biases = own(groups * size_of(p.scales));
      random_words<<<2048, 256>>>(words, packed / 4, unsigned(i) * 7919U + 1U);
      fill(scales, p.scales, groups, unsigned(i) + 5U, 0.004F, 0.02F);
      fill(
          biases,
          p.scales,
          groups,
          unsigned(i) + 9U,
          -0.1F * (1 << (p.bits - 4)),
          -0.05F * (1 << (p.bits - 4)));
      int shift = 5;
      while (1 << shift < p.group_size) {
        ++shift;
      }
      calls.push_back({x, words, scales, biases, y, 0, p.outputs, p.columns, p.columns, shift});
    }
    check(cudaDeviceSynchronize(), "weights");
  }
  Weights(const Weights&) = delete;
  ~Weights() {
    for (void* buffer : buffers) {
      cudaFree(buffer);
    }
  }
  void* own(std::size_t bytes) {
    buffers.push_back(allocate(bytes));
    return buffers.back();
  }
};

// Sums of squares: of the difference, of what was wanted. NaN stays.
__global__ void squares(
    const void* got, Number type, const float* wanted, std::size_t count, double* sums) {
  double error = 0;
  double size = 0;
  for (std::size_t i = blockIdx.x * std::size_t{256} + threadIdx.x; i < count;
       i += std::size_t{256} * gridDim.x) {
    const double difference = double(number_of(got, i, type)) - wanted[i];
    error += difference * difference;
    size += double(wanted[i]) * wanted[i];
  }
  atomicAdd(sums, error);
  atomicAdd(sums + 1, size);
}

inline double relative_rms(const void* got, Number type, const float* wanted, std::size_t count) {
  static auto* sums = static_cast<double*>(allocate(16));
  check(cudaMemset(sums, 0, 16), "sums");
  squares<<<64, 256>>>(got, type, wanted, count, sums);
  double found[2];
  check(cudaMemcpy(found, sums, 16, cudaMemcpyDeviceToHost), "sums");
  return std::sqrt(found[0] / found[1]);
}

}  // namespace hub::kernels::cuda
