#include "core/model_config/memory_estimate.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/model_config/layer_shape.h"

namespace hub::model_config {
namespace {

constexpr std::uint64_t kFloat = 4;  // bytes
constexpr std::uint64_t kPrefillChunk = 256;
constexpr std::uint64_t kLogitRows = 32;
constexpr std::uint64_t kProcessBytes = 48'000'000;
constexpr std::uint64_t kSlackShare = 20;  // one twentieth

std::uint64_t u64(int value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

// Widths in elements, by the letters of the formulas below.
struct Widths {
  explicit Widths(const ModelConfig& config)
      : H(u64(config.hidden_size)), I(0), V(u64(config.vocab_size)) {
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
      I = std::max(I, u64(config.intermediate_size_of(layer)));
    }
    if (config.experts) {
      I = std::max(I, u64(config.experts->per_token) * u64(config.experts->intermediate_size));
    }
  }
  std::uint64_t H;  // the residual stream
  std::uint64_t I;  // the widest MLP's inner width, of all experts of a token together
  std::uint64_t V;  // the vocabulary
};

// Which linears of a layer get factors, and what that costs, in elements.
struct Adapted {
  std::uint64_t factors = 0;  // of A and B
  std::uint64_t kept = 0;     // per token: the inputs of the adapted linears, and x A
};

// The adapted layers together.
struct AdaptedLayers {
  std::uint64_t count = 0;
  std::uint64_t factors = 0;
  std::uint64_t kept = 0;     // per token
  std::uint64_t largest = 0;  // what the one that keeps most keeps
};

bool is_target(const FinetuneParams& params, std::string_view name) {
  if (!params.target_modules) {
    return true;
  }
  return std::any_of(
      params.target_modules->begin(), params.target_modules->end(), [&](const std::string& wanted) {
        return wanted == name || name.ends_with("." + wanted);
      });
}

std::uint64_t size_of(const TensorShape& tensor) {
  std::uint64_t size = 1;
  for (const std::int64_t width : tensor.shape) {
    size *= static_cast<std::uint64_t>(width);
  }
  return size;
}

// Linears that read the same array keep it once, unless dropout gives each a copy of its own with
// its mask.
Adapted adapted_of(const LayerShape& layer, const FinetuneParams& params) {
  const std::uint64_t rank = u64(params.rank);
  const bool full = params.method == "full";
  const bool dora = params.method == "dora";
  Adapted adapted;
  if (full && !params.target_modules) {
    for (const TensorShape& tensor : layer.others) {
      adapted.factors += size_of(tensor);
    }
  }
  int last_input = -1;
  for (const LinearShape& module : layer.linears) {
    if (!is_target(params, module.name)) {
      continue;
    }
    const auto in = static_cast<std::uint64_t>(module.in);
    const auto out = static_cast<std::uint64_t>(module.out);
    const std::uint64_t input = in * u64(module.input_rows);
    const std::uint64_t output = out * u64(module.output_rows);
    const std::uint64_t stacked = u64(std::max(module.experts, 1));
    if (full) {
      adapted.factors += in * out * stacked;
    } else {
      adapted.factors += rank * (in + out) * stacked + (dora ? out : 0);
      adapted.kept += rank * u64(module.output_rows) + (dora ? output : 0);
    }
    if (!full && params.dropout > 0.0) {
      adapted.kept += 2 * input;
    } else if (module.input != last_input) {
      adapted.kept += input;
    }
    last_input = module.input;
  }
  return adapted;
}

// Of the embedding table and the output head, where they are named.
std::uint64_t outer_factors(const ModelConfig& config, const FinetuneParams& params) {
  const Widths w(config);
  std::uint64_t factors = 0;
  for (const std::string_view name : {"model.embed_tokens", "lm_head"}) {
    if (!params.target_modules || !is_target(params, name)) {
      continue;
    }
    const std::uint64_t magnitudes = params.method == "dora" ? w.V : 0;
    factors += params.method == "full" ? w.V * w.H : u64(params.rank) * (w.V + w.H) + magnitudes;
  }
  return factors;
}

AdaptedLayers adapted_layers(const ModelConfig& config, const FinetuneParams& params) {
  const int all = config.num_hidden_layers;
  const int first = params.num_layers > 0 ? std::max(all - params.num_layers, 0) : 0;
  AdaptedLayers sum;
  for (int layer = first; layer < all; ++layer) {
    const LayerShape shape = layer_shape(config, layer);
    const Adapted adapted = adapted_of(shape, params);
    const std::uint64_t kept = static_cast<std::uint64_t>(shape.activations) + adapted.kept;
    ++sum.count;
    sum.factors += adapted.factors;
    sum.kept += kept;
    sum.largest = std::max(sum.largest, kept);
  }
  return sum;
}

}  // namespace

std::uint64_t kv_bytes_per_token(const ModelConfig& config, int bytes_per_element) {
  std::uint64_t elements = 0;
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    elements += static_cast<std::uint64_t>(layer_shape(config, layer).cached);
  }
  return elements * u64(bytes_per_element);
}

std::uint64_t state_bytes_per_sequence(const ModelConfig& config) {
  std::uint64_t elements = 0;
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    elements += static_cast<std::uint64_t>(layer_shape(config, layer).state);
  }
  return elements * kFloat;
}

// Transient: a chunk's activations, of which about 16 of the widths H and I are alive at once (MLX
// builds ahead of the CPU's worker), and the logits of the sequences that get a token.
std::uint64_t serving_bytes(
    const ModelConfig& config, std::uint64_t weight_bytes, std::uint64_t kv_tokens) {
  const Widths w(config);
  const std::uint64_t transient = kPrefillChunk * 16 * (w.H + w.I) + kLogitRows * w.V;
  return weight_bytes + kv_tokens * kv_bytes_per_token(config) + transient * kFloat;
}

std::uint64_t trained_parameters(const ModelConfig& config, const FinetuneParams& params) {
  return adapted_layers(config, params).factors + outer_factors(config, params);
}

// What is trained is A, for full fine-tuning copies of the weights. Two peaks, of which the larger
// counts, over weights, factors A and the optimizer's moments M (2 A for Adam):
//
// 1. The start of the backward pass. Each token keeps, per layer from the first adapted one on, the
//    layer's activations (layer_shape.cpp counts them), the inputs of the adapted linears, and
//    `rank` of x A for each, with DoRA its output, too;
//    and once: the logits with their gradient, 2 V, beside half of the working set, or the working
//    set of a layer's backward, 8 (H + I), whichever is larger. Only trained tokens have logits.
//    With grad_checkpoint a layer keeps H, and one layer at a time everything.
// 2. The update: gradients and new values of everything trained, A + max(A, M) more, and A more
//    when accumulating.
//
// Attention keeps no scores, so nothing grows with the square of the length.
std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch) {
  const Widths w(config);
  const AdaptedLayers layers = adapted_layers(config, params);
  const std::uint64_t factors = layers.factors + outer_factors(config, params);
  const std::uint64_t sum = params.grad_accumulation_steps > 1 ? factors : 0;

  const std::uint64_t kept =
      params.grad_checkpoint ? layers.count * w.H + layers.largest : layers.kept;
  const std::uint64_t working = 8 * (w.H + w.I);
  const std::uint64_t logits = 2 * w.V * batch.trained;
  const std::uint64_t backward =
      sum + batch.tokens * kept +
      std::max(batch.tokens * working, logits + batch.tokens * working / 2);
  const std::uint64_t moments = u64(params.optimizer.moments()) * factors;
  const std::uint64_t update = sum + factors + std::max(factors, moments);
  return weight_bytes + kFloat * (factors + moments + std::max(backward, update));
}

std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    int batch_size,
    int seq_length) {
  const std::uint64_t tokens = u64(batch_size) * u64(seq_length);
  return finetune_bytes(config, weight_bytes, params, {.tokens = tokens, .trained = tokens});
}

std::uint64_t worker_bytes(std::uint64_t array_bytes) {
  return kProcessBytes + array_bytes + array_bytes / kSlackShare;
}

std::uint64_t array_bytes_within(std::uint64_t process_bytes) {
  return process_bytes > kProcessBytes ? process_bytes - kProcessBytes : 0;
}

}  // namespace hub::model_config
