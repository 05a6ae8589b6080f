#include "core/kernels/cuda/selection.h"

#include <algorithm>

namespace hub::kernels::cuda {

namespace {

constexpr int kMatvecRows = 8;
constexpr int kSharedBytes = 227 * 1024;  // of a block of compute capability 9.0

// Rows of a weight. From kMany on a block may take many; up to the others blocks of 16 or 32 rows
// are too few to fill the device several times, once, or at all, and more warps share a block's
// columns.
constexpr int kMany = 20'000;
constexpr int kFew = 8192;
constexpr int kFewer = 4608;
constexpr int kFewest = 2112;

Plan matvec_plan(const Problem& problem) {
  const int spans = problem.columns * problem.bits / 512;  // that a warp takes at once
  Plan plan;
  plan.is_matvec = true;
  plan.matvec = {problem.x, problem.scales, problem.bits, 1, 1};
  // Where x is read often enough to count, 32 rows of the weight share it.
  const bool even = problem.outputs > kFewest && problem.outputs <= kFewer && spans >= 32;
  if (problem.bits == 4 && problem.rows > 4 && (problem.outputs > kFew || even)) {
    plan.warps = problem.outputs > kFew ? 4 : 16;
    plan.matvec.tiles = 2;
    plan.matvec.ahead = 2;
  } else if (problem.outputs > kFew) {
    plan.warps = 4;
    plan.matvec.ahead = problem.bits == 8 ? 4 : 2;
  } else if (problem.outputs > kFewer) {
    plan.warps = 8;
    plan.matvec.ahead = problem.rows <= 4 ? 4 : 2;
  } else {
    plan.warps = spans <= 8 ? 8 : 16;
    const bool deep = problem.bits == 8 || problem.outputs <= kFewest;
    plan.matvec.ahead = deep && spans >= 32 ? 2 : 1;
  }
  return plan;
}

// Tiles of 8 rows of x, units across, times 32 rows down, stages.
struct Numbers {
  int tiles, across, down, stages;
};

Numbers numbers_of_many(const Problem& problem) {
  const bool bytes = problem.bits == 8;
  const bool many = problem.outputs > kMany && !bytes;
  if (problem.rows <= 16) {
    return bytes ? Numbers{2, 4, 2, 3} : Numbers{2, 4, 2, 4};
  }
  if (problem.rows <= 32) {
    return bytes || many ? Numbers{4, 2, 4, 3} : Numbers{4, 2, 2, 4};
  }
  if (problem.rows <= 64) {
    return many ? Numbers{8, 1, 4, 4} : Numbers{8, 2, 4, 3};
  }
  if (bytes) {
    return {16, 2, 4, 2};
  }
  return many && problem.group_size > 32 ? Numbers{16, 1, 8, 3} : Numbers{16, 2, 4, 3};
}

Numbers matmul_numbers(const Problem& problem) {
  if (problem.outputs > kFew) {
    return numbers_of_many(problem);
  }
  if (problem.rows <= 16) {
    return problem.outputs > kFewer ? Numbers{2, 4, 2, 4} : Numbers{2, 8, 1, 4};
  }
  if (problem.rows <= 32) {
    return problem.outputs > kFewer    ? Numbers{4, 2, 2, 4}
           : problem.outputs > kFewest ? Numbers{4, 8, 1, 4}
                                       : Numbers{2, 8, 1, 4};
  }
  if (problem.rows <= 64) {
    return problem.outputs > kFewest ? Numbers{4, 2, 2, 4} : Numbers{4, 4, 1, 4};
  }
  return problem.outputs > kFewer    ? Numbers{8, 2, 4, 3}
         : problem.outputs > kFewest ? Numbers{8, 4, 2, 3}
                                     : Numbers{8, 8, 1, 2};
}

Plan matmul_plan(const Problem& problem, const Numbers& numbers) {
  Plan plan;
  plan.matmul = {
      problem.x,
      problem.scales,
      problem.bits,
      numbers.tiles,
      numbers.across,
      numbers.down,
      numbers.stages};
  return plan;
}

}  // namespace

bool multiplies(const Problem& problem) {
  const bool half = problem.x == Number::kBfloat16 || problem.x == Number::kFloat16;
  const bool grouped =
      problem.group_size == 32 || problem.group_size == 64 || problem.group_size == 128;
  return half && grouped && (problem.bits == 4 || problem.bits == 8) && problem.rows >= 1 &&
         problem.rows <= kMostRows && problem.outputs >= 1 &&
         problem.columns >= problem.group_size && problem.columns % problem.group_size == 0 &&
         shared_bytes(plan_for(problem), problem) <= kSharedBytes;
}

Plan plan_for(const Problem& problem) {
  if (problem.rows <= kMatvecRows) {
    return matvec_plan(problem);
  }
  const Plan quickest = matmul_plan(problem, matmul_numbers(problem));
  if (shared_bytes(quickest, problem) <= kSharedBytes || problem.rows > 64) {
    return quickest;  // of more rows nothing smaller is quicker than unpacking
  }
  return matmul_plan(problem, {4, 4, 1, 4});  // little besides many scales
}

int shared_bytes(const Plan& plan, const Problem& problem) {
  if (plan.is_matvec) {
    return plan.warps * plan.matvec.tiles * 16 * 8 * 4;
  }
  const MatmulKind& kind = plan.matmul;
  const int scales =
      scale_pitch(problem.columns / problem.group_size, problem.scales == Number::kFloat32 ? 4 : 2);
  return matmul_ring_bytes(kind.bits, kind.tiles, kind.across, kind.down, kind.stages) +
         2 * 32 * kind.down * scales;
}

}  // namespace hub::kernels::cuda
