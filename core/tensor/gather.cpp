#include "core/tensor/gather.h"

#include <mlx/ops.h>

namespace hub::tensor {

mx::array gather_matmul(
    const mx::array& x, const mx::array& weight, const mx::array& choice, bool sorted) {
  if (sorted) {
    return mx::gather_mm(x, weight, std::nullopt, mx::flatten(choice), true);
  }
  const mx::array rows = mx::expand_dims(x, 2);  // [rows, m, 1, in]
  return mx::squeeze(mx::gather_mm(rows, weight, std::nullopt, choice), 2);
}

mx::array gather_quantized_matmul(
    const mx::array& x, const PackedMatrices& matrices, const mx::array& choice, bool sorted) {
  const mx::array rows = sorted ? x : mx::expand_dims(x, 2);  // [rows, m, 1, in]
  const mx::array product = mx::gather_qmm(
      rows,
      matrices.weight,
      matrices.scales,
      matrices.biases,
      std::nullopt,
      sorted ? mx::flatten(choice) : choice,
      true,
      matrices.group_size,
      matrices.bits,
      matrices.mode,
      std::nullopt,
      sorted);
  return sorted ? product : mx::squeeze(product, 2);
}

}  // namespace hub::tensor
