#include "core/model_config/memory_estimate.h"

#include <algorithm>

namespace hub::model_config {
namespace {

std::uint64_t u64(int value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

}  // namespace

std::uint64_t kv_bytes_per_token(const ModelConfig& config, int bytes_per_element) {
  return 2 * u64(config.num_hidden_layers) * u64(config.num_key_value_heads) *
         u64(config.head_dim) * u64(bytes_per_element);
}

std::uint64_t serving_bytes(
    const ModelConfig& config, std::uint64_t weight_bytes, std::uint64_t kv_tokens) {
  return weight_bytes + kv_tokens * kv_bytes_per_token(config);
}

std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    int batch_size,
    int seq_length) {
  static_cast<void>(config);
  static_cast<void>(params);
  return weight_bytes + u64(batch_size) * u64(seq_length);
}

}  // namespace hub::model_config
