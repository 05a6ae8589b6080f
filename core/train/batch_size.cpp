#include "core/train/batch_size.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/model_config/memory_estimate.h"

namespace hub::train {
namespace {

constexpr int kLargestAutomatic = 8;
constexpr std::size_t kStepsAnEpoch = 16;

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

// The longest rows that would fit at this batch size; 0: none.
int fitting_length(
    const model_config::ModelConfig& config,
    std::uint64_t weight_bytes,
    const model_config::FinetuneParams& params,
    int batch_size,
    int length,
    std::uint64_t limit) {
  for (int shorter = length / 64 * 64; shorter >= 64; shorter -= 64) {
    if (model_config::finetune_bytes(config, weight_bytes, params, batch_size, shorter) <= limit) {
      return shorter;
    }
  }
  return 0;
}

}  // namespace

BatchSizeChoice choose_batch_size(
    const model_config::ModelConfig& config,
    std::uint64_t weight_bytes,
    const model_config::FinetuneParams& params,
    std::size_t rows,
    std::size_t longest,
    std::uint64_t memory_limit_bytes) {
  const int length = static_cast<int>(
      std::clamp<std::size_t>(longest, 2, static_cast<std::size_t>(params.max_seq_length)));
  const auto estimate = [&](int batch_size) {
    return model_config::finetune_bytes(config, weight_bytes, params, batch_size, length);
  };
  const auto fits = [&](int batch_size) {
    return memory_limit_bytes == 0 || estimate(batch_size) <= memory_limit_bytes;
  };
  const int wanted_rows = static_cast<int>(std::clamp<std::size_t>(
      rows / kStepsAnEpoch, 1, static_cast<std::size_t>(kLargestAutomatic)));
  int chosen = params.batch_size.value_or(1);
  if (!params.batch_size) {
    while (chosen * 2 <= wanted_rows && fits(chosen * 2)) {
      chosen *= 2;
    }
  }
  if (!fits(chosen)) {
    const int shorter =
        fitting_length(config, weight_bytes, params, chosen, length, memory_limit_bytes);
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
    const bool by_memory = chosen * 2 <= wanted_rows;
    const bool by_rows = wanted_rows < kLargestAutomatic;
    why = by_memory ? "the next power of two would not fit into memory"
          : by_rows ? "a larger one would leave few steps an epoch"
                    : "the largest that is chosen automatically";
  }
  return {
      chosen,
      estimate(chosen),
      fmt::format(
          "batch_size {}: {} ({} rows of up to {} tokens; about {:.0f} MiB{})",
          chosen,
          why,
          rows,
          length,
          mebibytes(estimate(chosen)),
          memory_limit_bytes == 0 ? std::string()
                                  : fmt::format(" of {:.0f} MiB", mebibytes(memory_limit_bytes)))};
}

}  // namespace hub::train
