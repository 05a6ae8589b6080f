#pragma once

#include <cstdint>

#include "core/model_config/finetune_params.h"
#include "core/model_config/model_config.h"

namespace hub::model_config {

// Bytes of one token's keys and values over all layers, in float32 (`bytes_per_element` 4) or half
// types (2).
std::uint64_t kv_bytes_per_token(const ModelConfig& config, int bytes_per_element = 4);

// What an engine needs: the weights as loaded plus `kv_tokens` of cache plus the transient
// activations of a prefill chunk.
std::uint64_t serving_bytes(
    const ModelConfig& config, std::uint64_t weight_bytes, std::uint64_t kv_tokens);

// Peak of a LoRA job: weights, adapter with gradients and two optimizer moments, activations,
// logits and their gradient in float32.
std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    int batch_size,
    int seq_length);

}  // namespace hub::model_config
