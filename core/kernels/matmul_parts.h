#pragma once

#include "core/kernels/cpu_ops.h"
#include "core/kernels/int8_ops.h"

namespace hub::kernels {

// W is [rows, columns]; x has `m` rows. y = x W^T is [m, rows], y = x W is [m, columns].
struct Extent {
  int m;
  int rows;
  int columns;
};

// The products cut into parts for the shared thread pool. How they are cut depends on the
// shape and on the number of threads, the result does not (cpu_ops.h).
void run_packed_dot(
    const CpuOps& ops, const float* x, const PackedRows& w, const Extent& extent, float* y);
void run_dense_dot(
    const CpuOps& ops, const float* x, const DenseRows& w, const Extent& extent, float* y);
void run_packed_outer(
    const CpuOps& ops, const float* x, const PackedRows& w, const Extent& extent, float* y);
void run_dense_outer(
    const CpuOps& ops, const float* x, const DenseRows& w, const Extent& extent, float* y);
// y = x W^T with the `m` rows of x in 8 bits.
void run_int8_dot(const Int8Ops& ops, const float* x, const InterleavedRows& w, int m, float* y);

}  // namespace hub::kernels
