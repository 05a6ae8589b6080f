#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hub::engine {

// Elements a partial sum covers.
inline constexpr std::size_t kExpSumBlock = 1024;

// sums[b] = the sum of exp((x[i] - top) * scale) over the block's elements, i from b *
// kExpSumBlock; `top` is at least every x[i]. Each exponential has a relative error below 3e-7;
// those below e^-87 count as e^-87. A NaN in x makes its block's sum NaN. The order of summation
// does not depend on the machine's vectors.
void exp_sums(std::span<const float> x, float top, float scale, std::vector<double>& sums);

// The largest element; NaNs are passed over. x is not empty.
float max_of(std::span<const float> x);

}  // namespace hub::engine
