#pragma once

#include <vector>

#include <mlx/array.h>

namespace hub::train {

namespace mx = mlx::core;

// On a GPU one array [values] of all of `arrays`, in order: an optimizer's step over it takes a
// dozen kernels instead of a dozen for each of some hundred small arrays. On a CPU the arrays
// themselves. All float32. Builds graphs only.
std::vector<mx::array> packed(const std::vector<mx::array>& arrays);

// The arrays of `packed`'s result, each with the shape of its namesake in `like`; on a GPU views.
std::vector<mx::array> unpacked(
    const std::vector<mx::array>& packed, const std::vector<mx::array>& like);

}  // namespace hub::train
