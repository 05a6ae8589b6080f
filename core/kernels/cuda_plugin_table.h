#pragma once

#include <mlx/array.h>

// What the worker and its plugin of CUDA kernels, libmlx_hub_cuda.so, know of each other. The
// plugin is apart because MLX's library without CUDA lacks what it calls; it takes MLX from the
// process that loads it.
namespace hub::kernels {

namespace mx = mlx::core;

// Counts up with every change of the table below.
inline constexpr int kCudaPluginVersion = 1;

// A weight [N, K] in MLX's affine packing (core/kernels/quantized_matmul.h).
struct CudaWeight {
  const mx::array& packed;  // uint32 [N, K * bits / 32]
  const mx::array& scales;  // [N, K / group_size] bfloat16, float16 or float32
  const mx::array& biases;  // as scales
  int group_size;
  int bits;
};

// What the plugin asks of the worker.
struct CudaPluginHost {
  mx::array (*astype)(const mx::array& x, mx::Dtype type);
  // quantized_matmul() of core/kernels/quantized_matmul.h, for gradients.
  mx::array (*product)(const mx::array& x, const CudaWeight& weight, bool transpose);
};

struct CudaPluginTable {
  int version;              // kCudaPluginVersion when it was built: read first
  const char* mlx_version;  // that it was built for: its own declarations of MLX hold for no other

  // Once, on the thread that owns MLX, before the others: null when the kernels can run on the
  // default device, else why not (lives as long as the plugin). Evaluates.
  const char* (*start)(const CudaPluginHost& host);

  // True where quantized_matmul() takes x [rows, K] of that type, and is quicker than MLX's.
  bool (*multiplies)(int rows, mx::Dtype x, const CudaWeight& weight);

  // x [M, K] W^T -> [M, N] in the type of x. Differentiable in x. Builds a graph only.
  mx::array (*quantized_matmul)(const mx::array& x, const CudaWeight& weight);

  // True where dequantize() does: bfloat16 and float16 from 4 and 8 bits.
  bool (*dequantizes)(mx::Dtype to, const CudaWeight& weight);

  // [N, K] of type `to`, each element rounded once. Builds a graph only.
  mx::array (*dequantize)(const CudaWeight& weight, mx::Dtype to);
};

// The plugin's one symbol: extern "C", of this type.
using CudaPluginEntry = const CudaPluginTable* (*)();
inline constexpr const char* kCudaPluginSymbol = "mlx_hub_cuda_plugin";

}  // namespace hub::kernels
