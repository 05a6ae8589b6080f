#pragma once

#include <functional>
#include <optional>
#include <string>

#include <mlx/array.h>

#include "core/kernels/quantized_matmul.h"

namespace hub::kernels {

// Kernels of ours for NVIDIA GPUs lie in libmlx_hub_cuda.so (cuda_plugin_table.h), which is looked
// for at the first use where MLX's default device is CUDA: at $MLX_HUB_CUDA_PLUGIN (empty: not at
// all), else in lib/mlx-hub beside the program's folder or in it. Without it, and where it was
// built for another MLX or another table, MLX's operations compute. Everything here belongs to the
// thread that owns MLX.

// x [M, K] W^T [M, N], where the plugin is there and quicker than MLX for these shapes and types.
std::optional<mx::array> cuda_quantized_matmul(const mx::array& x, const QuantizedWeight& w);

// The unpacked weight as `dtype`, where the plugin is there and does that.
std::optional<mx::array> cuda_dequantize(const QuantizedWeight& w, mx::Dtype dtype);

// True when the plugin computes.
bool has_cuda_plugin();

// Why a plugin that was found does not compute; "" when it does, or when there is none.
std::string cuda_plugin_problem();

// Has such a problem told once, when it is found, on the thread that owns MLX. Before the first
// use of the plugin.
void tell_cuda_plugin_problem(std::function<void(const std::string& problem)> tell);

}  // namespace hub::kernels
