#include "core/train/batch_size.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::train {
namespace {

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

// The estimate of batches of so many rows, cut to `length` tokens.
class Estimate {
 public:
  Estimate(
      const model_config::ModelConfig& config,
      std::uint64_t weight_bytes,
      const model_config::FinetuneParams& params,
      const data::RowSizes& rows)
      : config_(config), weight_bytes_(weight_bytes), params_(params), rows_(rows) {}

  [[nodiscard]] model_config::FinetuneMemory memory(int batch_size, int length) const {
    const auto activations = activations_here();
    const auto batch = rows_.largest_batch(batch_size, length, model_config::padding(activations));
    return model_config::finetune_memory(
        config_,
        weight_bytes_,
        params_,
        {.tokens = batch.tokens, .trained = batch.trained},
        activations);
  }
  [[nodiscard]] std::uint64_t bytes(int batch_size, int length) const {
    return memory(batch_size, length).total();
  }

  // The longest rows that would fit at this batch size; 0: none.
  [[nodiscard]] int fitting_length(int batch_size, int length, std::uint64_t limit) const {
    for (int shorter = (length - 1) / 64 * 64; shorter >= 64; shorter -= 64) {
      if (bytes(batch_size, shorter) <= limit) {
        return shorter;
      }
    }
    return 0;
  }

 private:
  const model_config::ModelConfig& config_;
  std::uint64_t weight_bytes_;
  const model_config::FinetuneParams& params_;
  const data::RowSizes& rows_;
};

}  // namespace

model_config::Activations activations_here() {
  return tensor::default_device_is_gpu() ? model_config::Activations::kHalf
                                         : model_config::Activations::kFloat32;
}

BatchSizeChoice choose_batch_size(
    const model_config::ModelConfig& config,
    std::uint64_t weight_bytes,
    const model_config::FinetuneParams& params,
    const data::RowSizes& rows,
    std::uint64_t memory_limit_bytes,
    std::optional<int> earlier) {
  const int length = static_cast<int>(
      std::clamp<std::size_t>(rows.longest(), 2, static_cast<std::size_t>(params.max_seq_length)));
  const Estimate sizes(config, weight_bytes, params, rows);
  const auto estimate = [&](int batch_size) { return sizes.bytes(batch_size, length); };
  const auto fits = [&](int batch_size) {
    return memory_limit_bytes == 0 || estimate(batch_size) <= memory_limit_bytes;
  };
  const int wanted = model_config::automatic_batch(rows.count(), params.data_parallel);
  int chosen = params.batch_size.value_or(earlier.value_or(1));
  if (!params.batch_size && !earlier) {
    while (chosen < wanted && fits(chosen * 2)) {
      chosen *= 2;
    }
  }
  const int accumulation = params.batch_size ? 1 : std::max(1, wanted / chosen);
  if (!fits(chosen)) {
    const int shorter = sizes.fitting_length(chosen, length, memory_limit_bytes);
    throw base::Error(
        base::ErrorCode::kInsufficientMemory,
        fmt::format(
            "the job needs about {:.0f} MiB with batch_size {} and rows of {} tokens, but may use "
            "{:.0f} MiB; {}",
            mebibytes(estimate(chosen)),
            chosen,
            length,
            mebibytes(memory_limit_bytes),
            shorter > 0 ? fmt::format("max_seq_length {} would fit", shorter)
                        : "no max_seq_length would fit at this batch_size"),
        params.batch_size ? "params.batch_size" : "params.max_seq_length",
        "insufficient_memory");
  }
  const char* why = "as asked";
  if (!params.batch_size) {
    const bool by_rows = wanted < model_config::kLargestAutomaticBatch;
    why = earlier           ? "as this job began"
          : chosen < wanted ? "the next power of two would not fit into memory"
          : by_rows         ? "a larger one would leave few steps an epoch"
                            : "the largest that is chosen automatically";
  }
  return {
      chosen,
      accumulation,
      sizes.memory(chosen, length),
      fmt::format(
          "batch_size {}: {}{} ({} rows of up to {} tokens; about {:.0f} MiB{})",
          chosen,
          why,
          accumulation == 1 ? std::string()
                            : fmt::format(
                                  ", so an update takes {} batches and sees {} rows all the same",
                                  accumulation * params.grad_accumulation_steps,
                                  chosen * accumulation * params.grad_accumulation_steps),
          rows.count(),
          length,
          mebibytes(estimate(chosen)),
          memory_limit_bytes == 0 ? std::string()
                                  : fmt::format(" of {:.0f} MiB", mebibytes(memory_limit_bytes)))};
}

}  // namespace hub::train
