#include "core/model_config/conversion_estimate.h"

#include <algorithm>

#include "core/model_config/memory_estimate.h"

namespace hub::model_config {
namespace {

constexpr std::uint64_t kFloat = 4;  // bytes

std::uint64_t u64(int value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

std::uint64_t elements(const TensorInfo& tensor) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : tensor.shape) {
    count *= static_cast<std::uint64_t>(dimension);
  }
  return count;
}

}  // namespace

std::uint64_t parameter_count(const ModelConfig& config, const std::vector<WeightFile>& files) {
  std::uint64_t count = 0;
  for (const auto& [tensor, file] : tensors_by_name(files)) {
    if (tensor->name.ends_with(".scales") || tensor->name.ends_with(".biases")) {
      continue;
    }
    const std::string path = tensor->name.substr(0, tensor->name.rfind('.'));
    const auto packing = config.quantization_of(path);
    const bool packed = tensor->dtype == "U32" && packing;
    count += packed ? elements(*tensor) * 32 / u64(packing->bits) : elements(*tensor);
  }
  return count;
}

std::uint64_t conversion_bytes(const ModelConfig& config) {
  const std::uint64_t hidden = u64(config.hidden_size);
  const std::uint64_t heads = u64(config.num_attention_heads) * u64(config.head_dim);
  const std::uint64_t experts =  // of a layer, which are one matrix
      config.experts ? u64(config.experts->count) * u64(config.experts->intermediate_size) : 0;
  const std::uint64_t in_layer = hidden * std::max({heads, u64(config.intermediate_size), experts});
  return kFloat * std::max(8 * in_layer, 3 * hidden * u64(config.vocab_size));
}

std::uint64_t check_bytes(const ModelConfig& config, std::uint64_t weight_bytes) {
  const std::uint64_t tokens = std::uint64_t{kCheckTexts} * kCheckTextTokens;
  // Those before of all texts, those after of one, and what computing them takes.
  const std::uint64_t logits = (tokens + 3 * kCheckTextTokens) * u64(config.vocab_size);
  return serving_bytes(config, weight_bytes, kCheckTextTokens) + logits * kFloat;
}

}  // namespace hub::model_config
