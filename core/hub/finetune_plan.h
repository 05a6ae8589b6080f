#pragma once

#include <cstdint>
#include <filesystem>

#include "core/model_config/finetune_params.h"
#include "core/model_config/memory_estimate.h"

namespace hub::hub {

// What a fine-tuning job will do, without running it.
struct FinetunePlan {
  std::uint64_t rows = 0;         // trained on
  std::uint64_t packed_rows = 0;  // that hold those, with params.packing; else `rows`
  std::uint64_t eval_rows = 0;    // held out, or of the validation file
  std::uint64_t skipped_rows = 0;
  std::uint64_t tokens = 0;          // of the rows trained on, cut to max_seq_length: an epoch's
  std::uint64_t trained_tokens = 0;  // those of them that the loss counts
  int batch_size = 1;            // of a rank; an automatic one as chosen with half of the budget
  int accumulation = 1;          // batches of a step
  std::int64_t steps = 0;        // of the optimizer
  double epochs = 0.0;           // that the steps take
  std::uint64_t parameters = 0;  // of the base
  std::uint64_t trainable_parameters = 0;
  model_config::FinetuneMemory memory;  // of one worker's arrays
  std::uint64_t estimated_bytes = 0;    // this machine's worker processes at their highest
};

// Tokenizes the data set. `local_ranks` of the params' ranks run on this machine; `activations`:
// what the workers compute in (worker_device.h). Throws what reading a data set or a model folder
// throws, and kUnprocessable (`dataset_format`) for rows that the objective does not take.
FinetunePlan plan_finetune(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    model_config::FinetuneParams params,
    std::uint64_t budget_bytes,
    int local_ranks,
    model_config::Activations activations);

}  // namespace hub::hub
