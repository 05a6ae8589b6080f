#pragma once

#include <cstdint>
#include <vector>

#include "core/model_config/model_config.h"
#include "core/model_config/weight_files.h"

namespace hub::model_config {

// The texts on which a converted model's logits are compared with those it had before.
inline constexpr int kCheckTexts = 6;
inline constexpr int kCheckTextTokens = 64;  // at most, of each

// Parameters of a model folder: elements of every tensor as they are unpacked.
std::uint64_t parameter_count(const ModelConfig& config, const std::vector<WeightFile>& files);

// Peak of the arrays while a model is merged or quantized one matrix at a time (convert/merge.h,
// convert/quantize.h): up to eight float32 copies of a layer's largest matrix, three of another
// (embedding, output).
std::uint64_t conversion_bytes(const ModelConfig& config);

// Peak of the arrays while the check texts run through a loaded model, with the logits of the model
// before beside it.
std::uint64_t check_bytes(const ModelConfig& config, std::uint64_t weight_bytes);

}  // namespace hub::model_config
