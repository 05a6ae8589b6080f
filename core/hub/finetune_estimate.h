#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/data/row_sizes.h"
#include "core/hub/finetune_rows.h"
#include "core/model_config/finetune_params.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"

namespace hub::hub {

// What a fine-tuning job takes, from the sizes of its rows. Reads the model's headers when made.
// Immutable; thread-safe.
class FinetuneEstimate {
 public:
  // `activations`: what the workers compute in (worker_device.h). Throws what reading a model
  // folder throws.
  FinetuneEstimate(
      const std::filesystem::path& base_folder,
      const FinetuneRows& rows,
      const model_config::FinetuneParams& params,
      model_config::Activations activations);

  // Tokenizes the data set for its rows (count_finetune_rows).
  FinetuneEstimate(
      const std::filesystem::path& base_folder,
      const std::filesystem::path& dataset_path,
      const model_config::FinetuneParams& params,
      model_config::Activations activations);

  // A worker's arrays, part by part, as process_bytes() counts them.
  [[nodiscard]] model_config::FinetuneMemory memory(
      const model_config::FinetuneParams& params) const;
  // The worker process at its highest, for `params`' batch size; with an automatic one the
  // smallest.
  [[nodiscard]] std::uint64_t process_bytes(const model_config::FinetuneParams& params) const;
  // The same for the largest batch that the trainer would choose by itself within `limit_bytes`;
  // where params name a batch size, for that.
  [[nodiscard]] std::uint64_t comfortable_bytes(
      const model_config::FinetuneParams& params, std::uint64_t limit_bytes) const;

  // The mildest of a few changes of `params` that keeps the job within `limit_bytes`, as JSON
  // members: "\"batch_size\":\"auto\""; "" when none does.
  [[nodiscard]] std::string setting_that_fits(
      model_config::FinetuneParams params, std::uint64_t limit_bytes) const;

  [[nodiscard]] std::uint64_t weight_bytes() const { return weight_bytes_; }

 private:
  [[nodiscard]] model_config::FinetuneMemory memory(
      const model_config::FinetuneParams& params, int batch_size) const;
  [[nodiscard]] std::uint64_t bytes(
      const model_config::FinetuneParams& params, int batch_size) const;

  model_config::ModelConfig config_;
  std::uint64_t weight_bytes_;
  data::RowSizes rows_;
  model_config::Activations activations_;
};

}  // namespace hub::hub
