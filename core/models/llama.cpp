// Port of mlx_lm/models/llama.py, smollm3.py, qwen2.py and qwen3.py, without their caches:
// attention comes from outside (attend.h). They differ in what ModelConfig says alone: biases,
// layers without a rotary embedding, norms of queries and keys.
#include "core/models/llama.h"

#include <utility>

#include "core/models/attention.h"
#include "core/models/decoder.h"
#include "core/models/mlp.h"
#include "core/models/transformer_block.h"

namespace hub::models {

std::unique_ptr<LanguageModel> make_llama(
    const model_config::ModelConfig& config, Weights weights) {
  return std::make_unique<Decoder<TransformerBlock<Attention, Mlp>>>(config, std::move(weights));
}

}  // namespace hub::models
