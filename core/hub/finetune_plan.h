#pragma once

#include <cstdint>
#include <filesystem>

#include "core/model_config/finetune_params.h"

namespace hub::hub {

// What a fine-tuning job will do, without running it.
struct FinetunePlan {
  std::uint64_t rows = 0;       // trained on
  std::uint64_t eval_rows = 0;  // held out, or of the validation file
  std::uint64_t skipped_rows = 0;
  std::uint64_t tokens = 0;          // of the rows trained on, cut to max_seq_length: an epoch's
  std::uint64_t trained_tokens = 0;  // those of them that the loss counts
  int batch_size = 1;                // an automatic one as chosen with half of the budget
  std::int64_t steps = 0;            // of the optimizer
  double epochs = 0.0;               // that the steps take
  std::uint64_t parameters = 0;      // of the base
  std::uint64_t trainable_parameters = 0;
  std::uint64_t estimated_bytes = 0;  // the worker process at its highest
};

// Tokenizes the data set. Throws what reading a data set or a model folder throws, and
// kUnprocessable (`dataset_format`) for rows that the objective does not take.
FinetunePlan plan_finetune(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    model_config::FinetuneParams params,
    std::uint64_t budget_bytes);

}  // namespace hub::hub
