#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/data/row_sizes.h"
#include "core/model_config/finetune_params.h"

namespace hub::hub {

// The sizes of a fine-tuning job's rows, as the model's tokenizer cuts them.
struct FinetuneRows {
  std::vector<data::RowCounts> train;                 // before some are held out or packed
  std::optional<std::vector<data::RowCounts>> valid;  // of the data set's validation file
  std::uint64_t skipped = 0;                          // of train: rows without a trained token
};

// Tokenizes the data set once. Throws what reading a data set or a tokenizer throws, and
// kUnprocessable (`dataset_format`) for rows that the objective does not take.
FinetuneRows count_finetune_rows(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    const model_config::FinetuneParams& params);

}  // namespace hub::hub
