// Which CUDA kernel multiplies: arithmetic, on any machine.
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "core/kernels/cuda/matmul_variants.h"
#include "core/kernels/cuda/selection.h"

namespace hub::kernels::cuda {
namespace {

constexpr Number kTypes[] = {Number::kBfloat16, Number::kFloat16};
constexpr Number kScales[] = {Number::kBfloat16, Number::kFloat16, Number::kFloat32};

bool is_compiled(const MatmulKind& kind) {
  using Numbers = std::tuple<int, int, int, int>;
#define HUB_NUMBERS(TILES, ACROSS, DOWN, STAGES) Numbers{TILES, ACROSS, DOWN, STAGES},
  for (const Numbers& numbers : {HUB_MATMUL_CHOSEN(HUB_NUMBERS)}) {
    if (numbers == Numbers{kind.tiles, kind.across, kind.down, kind.stages}) {
      return true;
    }
  }
#undef HUB_NUMBERS
  return false;
}

Problem problem_of(int rows) {
  return {rows, 4096, 4096, 64, 4, Number::kBfloat16, Number::kBfloat16};
}

TEST(CudaSelection, NamesKernelsThatAreCompiled) {
  for (const int outputs : {16, 576, 1536, 2560, 4096, 6144, 14336, 128256}) {
    for (const int columns : {128, 576, 2048, 4096, 14336}) {
      for (const int group_size : {32, 64, 128}) {
        for (const int bits : {4, 8}) {
          for (int rows = 1; rows <= kMostRows; ++rows) {
            const Problem problem{
                rows, outputs, columns, group_size, bits, Number::kFloat16, Number::kFloat32};
            if (!multiplies(problem)) {
              continue;
            }
            const Plan plan = plan_for(problem);
            const std::string what = std::to_string(rows) + " rows, " + std::to_string(outputs) +
                                     " x " + std::to_string(columns);
            EXPECT_LE(shared_bytes(plan, problem), 227 * 1024) << what;
            EXPECT_EQ(plan.is_matvec, rows <= 8) << what;
            if (plan.is_matvec) {
              const int ahead = plan.matvec.ahead;
              EXPECT_TRUE(ahead == 1 || ahead == 2 || ahead == 4) << what;
              EXPECT_TRUE(plan.warps >= 1 && plan.warps <= 16) << what;
            } else {
              EXPECT_TRUE(is_compiled(plan.matmul)) << what;
            }
          }
        }
      }
    }
  }
}

TEST(CudaSelection, TakesFewRowsOfPackedWeights) {
  for (const Number x : kTypes) {
    for (const Number scales : kScales) {
      for (const int rows : {1, 8, 9, 64, kMostRows}) {
        Problem problem = problem_of(rows);
        problem.x = x;
        problem.scales = scales;
        EXPECT_TRUE(multiplies(problem)) << rows;
      }
    }
  }
}

TEST(CudaSelection, LeavesTheRest) {
  const auto with = [](auto change) {
    Problem problem = problem_of(4);
    change(problem);
    return multiplies(problem);
  };
  EXPECT_TRUE(with([](Problem&) {}));
  EXPECT_FALSE(with([](Problem& p) { p.rows = 0; }));
  EXPECT_FALSE(with([](Problem& p) { p.rows = kMostRows + 1; }));
  EXPECT_FALSE(with([](Problem& p) { p.x = Number::kFloat32; }));
  EXPECT_FALSE(with([](Problem& p) { p.bits = 6; }));
  EXPECT_FALSE(with([](Problem& p) { p.group_size = 256; }));
  EXPECT_FALSE(with([](Problem& p) { p.columns = 4000; })) << "no whole groups";
  // So many scales that no block has room for those of its rows.
  EXPECT_FALSE(with([](Problem& p) {
    p.rows = 32;
    p.columns = 65536;
    p.group_size = 32;
    p.scales = Number::kFloat32;
  }));
}

}  // namespace
}  // namespace hub::kernels::cuda
