#include "core/kernels/cuda/plan_launch.h"

namespace hub::kernels::cuda {

namespace {

unsigned blocks(int length, int width) {
  return static_cast<unsigned>((length + width - 1) / width);
}

}  // namespace

Launch launch_for(const Plan& plan, const Problem& problem) {
  Launch launch;
  launch.shared_bytes = static_cast<unsigned>(shared_bytes(plan, problem));
  if (plan.is_matvec) {
    launch.function = matvec_function(plan.matvec);
    launch.grid_x = blocks(problem.outputs, 16 * plan.matvec.tiles);
    launch.threads = static_cast<unsigned>(plan.warps) * 32;
    return launch;
  }
  launch.function = matmul_function(plan.matmul);
  launch.grid_x = blocks(problem.outputs, 32 * plan.matmul.down);
  launch.grid_y = blocks(problem.rows, 8 * plan.matmul.tiles);
  launch.threads = static_cast<unsigned>(32 * plan.matmul.across * plan.matmul.down);
  return launch;
}

}  // namespace hub::kernels::cuda
