#pragma once

// Cached keys and values in few bits (row_format.h), for one level.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/dot_product.h"
#include "core/kernels/simd_math.h"

namespace hub::kernels {

// A group's scale and bias, as mlx/backend/cpu/quantized.cpp finds them: the element that is
// farthest from zero is met exactly. A group that holds something not finite has scale NaN, so that
// nothing hides it.
template <class S>
HUB_INLINE void scale_of(const float* x, int group_size, float bins, float* scale, float* bias) {
  auto low = S::set(__builtin_inff());
  auto high = S::set(-__builtin_inff());
  auto poison = S::zero();
  for (int i = 0; i < group_size; i += 16) {
    const auto values = S::load(x + i);
    low = S::min(low, values);
    high = S::max(high, values);
    poison = S::fma(values, S::zero(), poison);
  }
  const float smallest = -max_lanes<S>(S::sub(S::zero(), low));
  const float largest = max_lanes<S>(high);
  const bool is_negative = __builtin_fabsf(smallest) > __builtin_fabsf(largest);
  float step = (largest - smallest) / bins;
  step = step > 1e-7F ? step : 1e-7F;
  step = is_negative ? step : -step;
  const float edge = is_negative ? smallest : largest;
  const float steps = __builtin_rintf(edge / step);
  *bias = steps == 0.0F ? 0.0F : edge;
  *scale = (steps == 0.0F ? step : edge / steps) + sum_lanes<S>(poison);
}

// See CpuOps::quantize_row: the bits of mlx.core.quantize.
template <class S>
void quantize_row(const float* x, const RowFormat& format, int columns, std::uint32_t* row) {
  const int groups = columns / format.group_size;
  auto* bytes = reinterpret_cast<std::uint8_t*>(row);
  auto* scales = reinterpret_cast<float*>(row + columns / 32 * format.bits);
  const float bins = format.bits == 4 ? 15.0F : 255.0F;
  alignas(64) float fields[16];
  for (int group = 0; group < groups; ++group) {
    scale_of<S>(x, format.group_size, bins, scales + group, scales + groups + group);
    const auto scale = S::set(scales[group]);
    const auto bias = S::set(scales[groups + group]);
    for (int i = 0; i < format.group_size; i += 16, x += 16) {
      const auto steps = S::round(S::div(S::sub(S::load(x), bias), scale));
      S::store(fields, S::min(S::max(steps, S::zero()), S::set(bins)));
      if (format.bits == 4) {
        for (int k = 0; k < 8; ++k) {
          *bytes++ = static_cast<std::uint8_t>(
              static_cast<int>(fields[2 * k]) | static_cast<int>(fields[2 * k + 1]) << 4);
        }
      } else {
        for (const float field : fields) {
          *bytes++ = static_cast<std::uint8_t>(static_cast<int>(field));
        }
      }
    }
  }
}

template <class S, int kBits>
HUB_INLINE void dequantize_row(const std::uint32_t* row, int group_size, int columns, float* out) {
  const auto* scales = reinterpret_cast<const float*>(row + columns / 32 * kBits);
  const RowBlock block{row, scales, scales + columns / group_size};
  for (std::int64_t step = 0; step < columns / 32; ++step) {
    auto a = S::zero();
    auto b = S::zero();
    unpack<S, kBits>(block, step, step * 32 / group_size, a, b);
    if constexpr (kBits == 4) {
      S::natural_order(a, b);
    }
    S::store(out + 32 * step, a);
    S::store(out + 32 * step + 16, b);
  }
}

// See CpuOps::dequantize_rows.
template <class S>
void dequantize_rows(
    const std::uint32_t* rows, const RowFormat& format, int columns, int count, float* out) {
  const std::int64_t width = columns / 32 * format.bits + 2 * (columns / format.group_size);
  for (std::int64_t i = 0; i < count; ++i) {
    if (format.bits == 4) {
      dequantize_row<S, 4>(rows + i * width, format.group_size, columns, out + i * columns);
    } else {
      dequantize_row<S, 8>(rows + i * width, format.group_size, columns, out + i * columns);
    }
  }
}

}  // namespace hub::kernels
