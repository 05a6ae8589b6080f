#include "core/kernels/quantized_rows.h"

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

int row_width(const RowFormat& format, int head_dim) {
  return format.bits == 0 ? head_dim
                          : head_dim / 32 * format.bits + 2 * (head_dim / format.group_size);
}

bool format_fits(const RowFormat& format, int head_dim) {
  return format.bits == 0 || ((format.bits == 4 || format.bits == 8) && format.group_size > 0 &&
                              format.group_size % 32 == 0 && head_dim % format.group_size == 0);
}

mx::array quantize_rows(const mx::array& x, const RowFormat& format) {
  const auto packed = tensor::quantize(x, format.group_size, format.bits);
  const auto words = [](const mx::array& factors) {
    return mx::view(tensor::astype(factors, mx::float32), mx::uint32);
  };
  return mx::concatenate({packed.weight, words(packed.scales), words(*packed.biases)}, -1);
}

mx::array dequantize_rows(
    const mx::array& rows, const RowFormat& format, int head_dim, mx::Dtype dtype) {
  const int fields = head_dim / 32 * format.bits;
  const int groups = head_dim / format.group_size;
  const auto parts = mx::split(rows, mx::Shape{fields, fields + groups}, -1);
  const auto factors = [dtype](const mx::array& words) {
    return tensor::astype(mx::view(words, mx::float32), dtype);
  };
  return tensor::astype(
      tensor::dequantize(
          parts[0], factors(parts[1]), factors(parts[2]), format.group_size, format.bits),
      dtype);
}

}  // namespace hub::kernels
