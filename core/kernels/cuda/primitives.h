#pragma once

#include <mlx/array.h>

#include "core/kernels/cuda/selection.h"
#include "core/kernels/cuda_plugin_table.h"

namespace hub::kernels::cuda {

// bfloat16, float16 or float32; and the kernels' name of those.
bool is_number(mx::Dtype type);
Number number_of(mx::Dtype type);

Problem problem_of(int rows, mx::Dtype x, const CudaWeight& weight);

// As in CudaPluginTable. `host` outlives what is built.
mx::array build_matmul(const mx::array& x, const CudaWeight& weight, const CudaPluginHost& host);
mx::array build_dequantize(const CudaWeight& weight, mx::Dtype to);

}  // namespace hub::kernels::cuda
