#include "core/model_config/memory_estimate.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/model_config/kv_bits.h"
#include "core/model_config/layer_shape.h"

namespace hub::model_config {
namespace {

constexpr std::uint64_t kFloat = 4;  // bytes
constexpr std::uint64_t kHalf = 2;
constexpr std::uint64_t kUnpackedAtOnce = 4;        // matrices of a layer, on a GPU
constexpr std::uint64_t kRunAhead = 2'500'000'000;  // bytes, on a GPU
constexpr int kLogitsAtOnce = 1 << 26;              // elements, of the loss
constexpr int kFewestRows = 64;
constexpr std::uint64_t kPrefillChunk = 256;
constexpr std::uint64_t kLogitRows = 32;
constexpr std::uint64_t kProcessBytes = 60'000'000;
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

// True when the output head gets a gradient: the loss then holds the logits of all rows.
bool trains_head(const ModelConfig& config, const FinetuneParams& params) {
  const std::string head =
      config.path(config.tie_word_embeddings ? "model.embed_tokens" : "lm_head");
  return params.target_modules && is_target(params, head);
}

// Of the embedding table and the output head, where they are named.
std::uint64_t outer_factors(const ModelConfig& config, const FinetuneParams& params) {
  const Widths w(config);
  std::uint64_t factors = 0;
  for (const std::string_view name : {"model.embed_tokens", "lm_head"}) {
    if (!params.target_modules || !is_target(params, config.path(name))) {
      continue;
    }
    const std::uint64_t magnitudes = params.method == "dora" ? w.V : 0;
    factors += params.method == "full" ? w.V * w.H : u64(params.rank) * (w.V + w.H) + magnitudes;
  }
  return factors;
}

// Elements of a token that attention keeps on a GPU and not on a CPU: its result instead of rotated
// keys and values by head.
std::int64_t more_of_attention(const ModelConfig& config, const LayerShape& layer) {
  return std::int64_t{config.num_attention_heads} * config.head_dim - layer.cached;
}

AdaptedLayers adapted_layers(
    const ModelConfig& config, const FinetuneParams& params, Activations activations) {
  const int all = config.num_hidden_layers;
  const int first = params.num_layers > 0 ? std::max(all - params.num_layers, 0) : 0;
  AdaptedLayers sum;
  for (int layer = first; layer < all; ++layer) {
    const LayerShape shape = layer_shape(config, layer);
    const Adapted adapted = adapted_of(shape, params);
    const std::int64_t more =
        activations == Activations::kHalf ? more_of_attention(config, shape) : 0;
    const std::uint64_t kept = static_cast<std::uint64_t>(shape.activations + more) + adapted.kept;
    ++sum.count;
    sum.factors += adapted.factors;
    sum.kept += kept;
    sum.largest = std::max(sum.largest, kept);
  }
  return sum;
}

}  // namespace

int automatic_batch(std::uint64_t rows, int ranks) {
  constexpr std::uint64_t steps_an_epoch = 16;
  return static_cast<int>(std::bit_floor(
      std::clamp<std::uint64_t>(rows / steps_an_epoch / u64(ranks), 1, kLargestAutomaticBatch)));
}

int loss_chunk_rows(int vocab_size, Activations activations) {
  const int elements = activations == Activations::kHalf ? 2 * kLogitsAtOnce : kLogitsAtOnce;
  const int rows = elements / std::max(vocab_size, 1);
  return std::max(rows / kFewestRows * kFewestRows, kFewestRows);
}

std::uint64_t padding(Activations activations) {
  return activations == Activations::kHalf ? 128 : 8;
}

std::uint64_t kv_bytes_per_token(const ModelConfig& config, int bytes_per_element, int kv_bits) {
  std::uint64_t bytes = 0;
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const auto elements = static_cast<std::uint64_t>(layer_shape(config, layer).cached);
    const int head_dim = config.head_dim_of(layer);
    bytes += kv_bits == 0 ? elements * u64(bytes_per_element)
                          : elements / u64(head_dim) * quantized_row_bytes(head_dim, kv_bits);
  }
  return bytes;
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
    const ModelConfig& config, std::uint64_t weight_bytes, std::uint64_t kv_tokens, int kv_bits) {
  const Widths w(config);
  const std::uint64_t transient = kPrefillChunk * 16 * (w.H + w.I) + kLogitRows * w.V;
  return weight_bytes + kv_tokens * kv_bytes_per_token(config, static_cast<int>(kFloat), kv_bits) +
         transient * kFloat;
}

std::uint64_t trained_parameters(const ModelConfig& config, const FinetuneParams& params) {
  return adapted_layers(config, params, Activations::kFloat32).factors +
         outer_factors(config, params);
}

base::Json FinetuneMemory::to_json() const {
  return {
      {"weights", weights},
      {"trained", trained},
      {"optimizer", optimizer},
      {"accumulated", accumulated},
      {"activations", activations},
      {"working", working},
      {"ahead", ahead},
      {"gradients", gradients},
      {"updated", updated},
      {"array_bytes", total()},
      {"process_bytes", worker_bytes(total())}};
}

// What is trained is A, for full fine-tuning copies of the weights. Two peaks, of which the larger
// counts, over weights, factors A and the optimizer's moments M (2 A for Adam):
//
// 1. The start of the backward pass. Each token keeps, per layer from the first adapted one on, the
//    layer's activations (layer_shape.cpp counts them), the inputs of the adapted linears, and
//    `rank` of x A for each, with DoRA its output, too;
//    and once: the logits with their gradient beside half of the working set, or the working set of
//    a layer's backward, 8 (H + I), whichever is larger. Only trained tokens have logits, and only
//    loss_chunk_rows() of them at once, unless the head is trained. With grad_checkpoint a layer
//    keeps H, and one layer at a time everything.
// 2. The update: gradients and new values of everything trained, A + max(A, M) more, and A more
//    when accumulating.
//
// Attention keeps no scores, so nothing grows with the square of the length. On a GPU activations
// and fully trained weights take 2 bytes, logits and their gradient 12 in both types, the head and
// some of a layer's matrices are unpacked, and evaluation that runs ahead of the device holds up to
// kRunAhead, at most the working sets of all layers.
FinetuneMemory finetune_memory(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch,
    Activations activations) {
  const bool half = activations == Activations::kHalf;
  const std::uint64_t element = half ? kHalf : kFloat;
  const Widths w(config);
  const AdaptedLayers layers = adapted_layers(config, params, activations);
  FinetuneMemory memory;
  memory.weights = weight_bytes;
  memory.trained = (params.method == "full" ? element : kFloat) *
                   (layers.factors + outer_factors(config, params));
  memory.optimizer = u64(params.optimizer.moments()) * memory.trained;
  memory.accumulated = params.grad_accumulation_steps > 1 ? memory.trained : 0;
  memory.gradients = memory.trained;
  memory.updated = std::max(memory.trained, memory.optimizer);

  const std::uint64_t kept =
      params.grad_checkpoint ? layers.count * w.H + layers.largest : layers.kept;
  const std::uint64_t working = element * batch.tokens * 8 * (w.H + w.I);
  const std::uint64_t unpacked = half ? kHalf * kUnpackedAtOnce * w.H * w.I : 0;
  const std::uint64_t head = half ? kHalf * w.H * w.V : 0;
  const std::uint64_t rows =
      trains_head(config, params)
          ? batch.trained
          : std::min(batch.trained, u64(loss_chunk_rows(config.vocab_size, activations)));
  const std::uint64_t logits = (half ? 2 * (kFloat + kHalf) : 2 * kFloat) * w.V * rows;
  memory.activations = element * batch.tokens * kept;
  memory.working = std::max(working + unpacked, head + logits + working / 2);
  memory.ahead = half ? std::min(kRunAhead, u64(config.num_hidden_layers) * working) : 0;
  return memory;
}

std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch,
    Activations activations) {
  return finetune_memory(config, weight_bytes, params, batch, activations).total();
}

std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    int batch_size,
    int seq_length,
    Activations activations) {
  const std::uint64_t tokens = u64(batch_size) * u64(seq_length);
  return finetune_bytes(
      config, weight_bytes, params, {.tokens = tokens, .trained = tokens}, activations);
}

std::uint64_t worker_bytes(std::uint64_t array_bytes) {
  return kProcessBytes + array_bytes + array_bytes / kSlackShare;
}

std::uint64_t array_bytes_within(std::uint64_t process_bytes) {
  return process_bytes > kProcessBytes ? process_bytes - kProcessBytes : 0;
}

}  // namespace hub::model_config
