#include "core/model_config/memory_estimate.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace hub::model_config {
namespace {

constexpr std::uint64_t kFloat = 4;  // bytes
constexpr std::uint64_t kHalf = 2;
constexpr std::uint64_t kUnpackedAtOnce = 4;        // matrices of a layer, on a GPU
constexpr std::uint64_t kRunAhead = 2'500'000'000;  // bytes, on a GPU
constexpr std::uint64_t kPrefillChunk = 256;
constexpr std::uint64_t kLogitRows = 32;
constexpr int kLogitsAtOnce = 1 << 26;  // elements, of the loss
constexpr int kFewestRows = 64;
constexpr std::uint64_t kProcessBytes = 48'000'000;
constexpr std::uint64_t kSlackShare = 20;  // one twentieth

std::uint64_t u64(int value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

// Widths in elements, by the letters of the formulas below.
struct Widths {
  explicit Widths(const ModelConfig& config)
      : H(u64(config.hidden_size)),
        I(u64(config.intermediate_size)),
        Q(u64(config.num_attention_heads) * u64(config.head_dim)),
        K(u64(config.num_key_value_heads) * u64(config.head_dim)),
        V(u64(config.vocab_size)) {}
  std::uint64_t H;  // the residual stream
  std::uint64_t I;  // the MLP's inner width
  std::uint64_t Q;  // all query heads
  std::uint64_t K;  // all key heads
  std::uint64_t V;  // the vocabulary
};

// Which linears of a layer get factors, and what that costs, in elements.
struct Adapted {
  std::uint64_t factors = 0;  // of A and B, per layer
  std::uint64_t kept = 0;     // per token and layer: the inputs of the adapted linears, and x A
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

// The linears of a Llama layer; those that read the same array keep it once, unless dropout gives
// each a copy of its own with its mask.
Adapted adapted_of(const Widths& w, const FinetuneParams& params) {
  struct Module {
    std::string_view name;
    std::uint64_t in;
    std::uint64_t out;
    int input;  // equal numbers read the same array
  };
  const std::array<Module, 7> modules{{
      {"self_attn.q_proj", w.H, w.Q, 0},
      {"self_attn.k_proj", w.H, w.K, 0},
      {"self_attn.v_proj", w.H, w.K, 0},
      {"self_attn.o_proj", w.Q, w.H, 1},
      {"mlp.gate_proj", w.H, w.I, 2},
      {"mlp.up_proj", w.H, w.I, 2},
      {"mlp.down_proj", w.I, w.H, 3},
  }};
  const std::uint64_t rank = u64(params.rank);
  Adapted adapted;
  int last_input = -1;
  for (const Module& module : modules) {
    if (!is_target(params, module.name)) {
      continue;
    }
    adapted.factors += rank * (module.in + module.out);
    adapted.kept += rank;
    if (params.dropout > 0.0) {
      adapted.kept += 2 * module.in;
    } else if (module.input != last_input) {
      adapted.kept += module.in;
    }
    last_input = module.input;
  }
  return adapted;
}

}  // namespace

int loss_chunk_rows(int vocab_size, Activations activations) {
  const int elements = activations == Activations::kHalf ? 2 * kLogitsAtOnce : kLogitsAtOnce;
  const int rows = elements / std::max(vocab_size, 1);
  return std::max(rows / kFewestRows * kFewestRows, kFewestRows);
}

std::uint64_t kv_bytes_per_token(const ModelConfig& config, int bytes_per_element) {
  const Widths w(config);
  return 2 * u64(config.num_hidden_layers) * w.K * u64(bytes_per_element);
}

// Transient: a chunk's activations, of which about 16 of the widths H and I are alive at once (MLX
// builds ahead of the CPU's worker), and the logits of the sequences that get a token.
std::uint64_t serving_bytes(
    const ModelConfig& config, std::uint64_t weight_bytes, std::uint64_t kv_tokens) {
  const Widths w(config);
  const std::uint64_t transient = kPrefillChunk * 16 * (w.H + w.I) + kLogitRows * w.V;
  return weight_bytes + kv_tokens * kv_bytes_per_token(config) + transient * kFloat;
}

// Two peaks, of which the larger counts, over weights, factors and two moments (3 A):
//
// 1. The start of the backward pass. Each token keeps, per layer from the first adapted one on:
//      2 H        the inputs of the two norms
//      Q + 2 K    q, k, v as attention's gradient needs them
//      2 K        attention's rotated keys and its values by head; on a GPU its result, Q, instead
//      2 I        gate and up
//      + the inputs of the adapted linears (H for q, k, v; Q for o; H for gate, up; I for down)
//        and `rank` of x A for each
//    and once: the logits with their gradient beside half of the working set, or the working set of
//    a layer's backward, 8 (H + I), whichever is larger. Only trained tokens have logits, and only
//    loss_chunk_rows() of them at once. With grad_checkpoint a layer keeps H, and one layer at a
//    time everything.
// 2. The update: gradients and new values of everything trained, 3 A more (4 A when accumulating).
//
// Attention keeps no scores, so nothing grows with the square of the length. On a GPU activations
// take 2 bytes, logits and their gradient 12 in both types, the head and some of a layer's matrices
// are unpacked, and kRunAhead is what evaluation holds that runs ahead of the device.
std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch,
    Activations activations) {
  const bool half = activations == Activations::kHalf;
  const std::uint64_t element = half ? kHalf : kFloat;
  const Widths w(config);
  const Adapted adapted = adapted_of(w, params);
  const std::uint64_t all_layers = u64(config.num_hidden_layers);
  const std::uint64_t layers =
      params.num_layers > 0 ? std::min(u64(params.num_layers), all_layers) : all_layers;
  const std::uint64_t factors = kFloat * layers * adapted.factors;
  const std::uint64_t sum = params.grad_accumulation_steps > 1 ? factors : 0;

  const std::uint64_t attended = half ? w.Q : 2 * w.K;
  const std::uint64_t layer = 2 * w.H + w.Q + 2 * w.K + attended + 2 * w.I + adapted.kept;
  const std::uint64_t kept = params.grad_checkpoint ? layers * w.H + layer : layers * layer;
  const std::uint64_t unpacked = half ? kHalf * kUnpackedAtOnce * w.H * w.I : 0;
  const std::uint64_t head = half ? kHalf * w.H * w.V : 0;
  const std::uint64_t working = element * batch.tokens * 8 * (w.H + w.I);
  const std::uint64_t rows =
      std::min(batch.trained, u64(loss_chunk_rows(config.vocab_size, activations)));
  const std::uint64_t logits = (half ? 2 * (kFloat + kHalf) : 2 * kFloat) * w.V * rows;
  const std::uint64_t backward = sum + element * batch.tokens * kept + (half ? kRunAhead : 0) +
                                 std::max(working + unpacked, head + logits + working / 2);
  const std::uint64_t update = sum + 3 * factors;
  return weight_bytes + 3 * factors + std::max(backward, update);
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
