#pragma once

#include <cstdint>

namespace hub::api {

// What the device does at most, as measured: the bars that a model's figures are held against.
struct MachineLimits {
  double read_bytes_per_second = 0.0;  // of large arrays, by all threads (a GPU: read and written)
  double flops_per_second = 0.0;       // of a large dense product, float32 on a CPU, else bfloat16
};

// Takes about two seconds. On the thread that owns MLX.
MachineLimits measure_limits();

// Seconds that a forward takes at the limits: all weights are read once, and the multiplications
// and additions of its products are done; whichever takes longer.
double forward_seconds(const MachineLimits& limits, double weight_bytes, double multiply_adds);

}  // namespace hub::api
