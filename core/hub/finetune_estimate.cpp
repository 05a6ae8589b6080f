#include "core/hub/finetune_estimate.h"

#include <vector>

#include <fmt/format.h>

#include "core/data/packing.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

using model_config::FinetuneParams;

constexpr int kShortestProposal = 64;

data::RowSizes row_sizes(const FinetuneRows& rows, const FinetuneParams& params) {
  // Packed before some are held out: the same length, and no fewer.
  std::vector<data::RowCounts> all =
      params.packing ? data::packed_counts(rows.train, params.max_seq_length) : rows.train;
  if (rows.valid) {
    all.insert(all.end(), rows.valid->begin(), rows.valid->end());
  }
  return data::RowSizes(all);
}

}  // namespace

FinetuneEstimate::FinetuneEstimate(
    const std::filesystem::path& base_folder,
    const FinetuneRows& rows,
    const FinetuneParams& params,
    model_config::Activations activations)
    : config_(model_config::ModelConfig::load(base_folder)),
      weight_bytes_(
          model_config::loaded_bytes(model_config::read_text_weights(base_folder, config_))),
      rows_(row_sizes(rows, params)),
      activations_(activations) {}

FinetuneEstimate::FinetuneEstimate(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    const FinetuneParams& params,
    model_config::Activations activations)
    : FinetuneEstimate(
          base_folder,
          count_finetune_rows(base_folder, dataset_path, params),
          params,
          activations) {}

model_config::FinetuneMemory FinetuneEstimate::memory(
    const FinetuneParams& params, int batch_size) const {
  const auto batch =
      rows_.largest_batch(batch_size, params.max_seq_length, model_config::padding(activations_));
  return model_config::finetune_memory(
      config_,
      weight_bytes_,
      params,
      {.tokens = batch.tokens, .trained = batch.trained},
      activations_);
}

model_config::FinetuneMemory FinetuneEstimate::memory(const FinetuneParams& params) const {
  return memory(params, params.batch_size.value_or(1));
}

std::uint64_t FinetuneEstimate::bytes(const FinetuneParams& params, int batch_size) const {
  return model_config::worker_bytes(memory(params, batch_size).total());
}

std::uint64_t FinetuneEstimate::process_bytes(const FinetuneParams& params) const {
  return bytes(params, params.batch_size.value_or(1));
}

std::uint64_t FinetuneEstimate::comfortable_bytes(
    const FinetuneParams& params, std::uint64_t limit_bytes) const {
  std::uint64_t best = process_bytes(params);
  for (int batch = 2; !params.batch_size && batch <= model_config::kLargestAutomaticBatch;
       batch *= 2) {
    const std::uint64_t larger = bytes(params, batch);
    if (larger <= limit_bytes) {
      best = larger;
    }
  }
  return best;
}

std::string FinetuneEstimate::setting_that_fits(
    FinetuneParams params, std::uint64_t limit_bytes) const {
  const auto fits = [&] { return process_bytes(params) <= limit_bytes; };
  if (params.batch_size.value_or(1) > 1) {
    params.batch_size.reset();
    if (fits()) {
      return R"("batch_size":"auto")";
    }
  }
  params.max_seq_length = std::min(params.max_seq_length, static_cast<int>(rows_.longest()));
  while (params.max_seq_length > kShortestProposal) {
    params.max_seq_length /= 2;
    if (fits()) {
      return fmt::format(R"("batch_size":"auto","max_seq_length":{})", params.max_seq_length);
    }
  }
  return {};
}

}  // namespace hub::hub
