#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/data/row_sizes.h"
#include "core/model_config/finetune_params.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"

namespace hub::train {

struct BatchSizeChoice {
  int batch_size = 1;
  int accumulation = 1;  // batches of an update, times params.grad_accumulation_steps
  model_config::FinetuneMemory memory;  // the job's with it
  std::string reason;                   // one sentence for the log
};

// What a training on MLX's default device computes in.
model_config::Activations activations_here();

// The batch size of a job: the params' own where given, else the largest power of two, up to 8 and
// up to a sixteenth of the rows with all ranks together (so that an epoch stays a run and not a
// handful of steps), whose estimate fits into `memory_limit_bytes` (0: no limit). Where memory
// allows less than that otherwise, gradients are accumulated over as many batches as make up for
// it, so that an update sees the same number of rows on every machine. Throws kInsufficientMemory
// with the estimate and, where there is one, a max_seq_length that fits. `earlier` is what an
// earlier attempt of the same job chose, which stands.
BatchSizeChoice choose_batch_size(
    const model_config::ModelConfig& config,
    std::uint64_t weight_bytes,
    const model_config::FinetuneParams& params,
    const data::RowSizes& rows,
    std::uint64_t memory_limit_bytes,
    std::optional<int> earlier = std::nullopt);

}  // namespace hub::train
