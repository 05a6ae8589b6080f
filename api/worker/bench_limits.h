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

// Seconds that a forward over `rows` tokens takes at the limits: the weights are read once, each
// parameter is a multiplication and an addition a row.
double forward_seconds(
    const MachineLimits& limits, std::uint64_t weight_bytes, std::uint64_t parameters, int rows);

}  // namespace hub::api
