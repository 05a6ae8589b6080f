#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/data/row_sizes.h"
#include "core/model_config/finetune_params.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"

namespace hub::train {

struct BatchSizeChoice {
  int batch_size = 1;
  std::uint64_t estimated_bytes = 0;  // the job's peak with it
  std::string reason;                 // one sentence for the log
};

// What a training on MLX's default device computes in.
model_config::Activations activations_here();

// The batch size of a job: the params' own where given, else the largest power of two, up to 8 and
// up to a sixteenth of the rows (so that an epoch stays a run and not a handful of steps), whose
// estimate fits into `memory_limit_bytes` (0: no limit).
// Throws kInsufficientMemory with the estimate and, where there is one, a max_seq_length that fits.
BatchSizeChoice choose_batch_size(
    const model_config::ModelConfig& config,
    std::uint64_t weight_bytes,
    const model_config::FinetuneParams& params,
    const data::RowSizes& rows,
    std::uint64_t memory_limit_bytes);

}  // namespace hub::train
