#include "core/train/trainable.h"

namespace hub::train {

std::uint64_t Trainable::size() const {
  std::uint64_t values = 0;
  for (const mx::array& parameter : parameters) {
    values += parameter.size();
  }
  return values;
}

}  // namespace hub::train
