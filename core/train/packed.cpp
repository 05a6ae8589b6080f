#include "core/train/packed.h"

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::train {

std::vector<mx::array> packed(const std::vector<mx::array>& arrays) {
  if (!tensor::default_device_is_gpu()) {
    return arrays;
  }
  std::vector<mx::array> flat;
  flat.reserve(arrays.size());
  for (const mx::array& array : arrays) {
    flat.push_back(mx::flatten(array));
  }
  return {mx::concatenate(flat, 0)};
}

std::vector<mx::array> unpacked(
    const std::vector<mx::array>& packed, const std::vector<mx::array>& like) {
  if (!tensor::default_device_is_gpu()) {
    return packed;
  }
  std::vector<mx::array> arrays;
  arrays.reserve(like.size());
  int begin = 0;
  for (const mx::array& each : like) {
    const int end = begin + static_cast<int>(each.size());
    arrays.push_back(
        mx::reshape(mx::slice(packed[0], mx::Shape{begin}, mx::Shape{end}), each.shape()));
    begin = end;
  }
  return arrays;
}

}  // namespace hub::train
