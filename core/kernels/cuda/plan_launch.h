#pragma once

#include "core/kernels/cuda/selection.h"

namespace hub::kernels::cuda {

// How to start what plan_for() chose. The function is null where that was not compiled.
Launch launch_for(const Plan& plan, const Problem& problem);

}  // namespace hub::kernels::cuda
