#pragma once

#include "core/kernels/cuda/kernels.h"

// Which kernel multiplies: arithmetic alone, the same everywhere.
namespace hub::kernels::cuda {

// A product of `rows` rows of x with a packed weight [outputs, columns].
struct Problem {
  int rows;
  int outputs;
  int columns;
  int group_size;
  int bits;
  Number x;
  Number scales;
};

inline constexpr int kMostRows = 128;

// True where a kernel of ours computes it, and quicker than MLX's operation or unpacking before a
// dense product, as measured on an H200: x of 16 bits, 1 to kMostRows rows, 4 or 8 bits, groups of
// 32, 64 or 128, whole groups, and room for the scales in shared memory.
bool multiplies(const Problem& problem);

// One of the two kernels and its numbers.
struct Plan {
  bool is_matvec = false;
  MatvecKind matvec{};
  int warps = 0;  // of a block of matvec
  MatmulKind matmul{};
};

// The plan for a problem that multiplies() takes.
Plan plan_for(const Problem& problem);

// Of shared memory a block.
int shared_bytes(const Plan& plan, const Problem& problem);

}  // namespace hub::kernels::cuda
