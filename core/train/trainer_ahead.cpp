#include <utility>

#include "core/tensor/ops.h"
#include "core/train/trainer.h"

// What a Trainer does before its turn.
namespace hub::train {

// On a GPU, while it computes one step, the graph of the next one is built, over parameters that
// are not there yet. A step of several batches evaluates between them, and dropout counts draws.
void Trainer::prepare(const Group& group) {
  if (!tensor::default_device_is_gpu() || group.size() != 1 || adapter_.dropout > 0.0F) {
    return;
  }
  Prepared ahead{group.front(), {}};
  add_batch(ahead.sum, make_batch(data_.train, group.front(), shape_));
  prepared_ = std::move(ahead);
}

}  // namespace hub::train
