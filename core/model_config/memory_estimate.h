#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/json.h"
#include "core/model_config/finetune_params.h"
#include "core/model_config/model_config.h"

namespace hub::model_config {

// Bytes of one token's keys and values over all layers, in float32 (`bytes_per_element` 4) or half
// types (2); with `kv_bits` in so many (kv_bits.h), whatever the element.
std::uint64_t kv_bytes_per_token(
    const ModelConfig& config, int bytes_per_element = 4, int kv_bits = 0);

// Bytes of what a sequence keeps whatever its length: the states of recurrent layers, in float32.
std::uint64_t state_bytes_per_sequence(const ModelConfig& config);

// What an engine needs: the weights as loaded plus `kv_tokens` of cache, in float32 or `kv_bits`,
// plus the transient activations of a prefill chunk.
std::uint64_t serving_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    std::uint64_t kv_tokens,
    int kv_bits = 0);

// With an automatic batch size a training takes at most so many rows at once.
inline constexpr int kLargestAutomaticBatch = 8;
// That of `auto` where memory is no bound: the largest power of two with which an epoch of `rows`
// rows still has 16 steps of `ranks` processes, at most the above.
int automatic_batch(std::uint64_t rows, int ranks);

// The largest batch of a training.
struct BatchTokens {
  std::uint64_t tokens = 0;   // inputs, with padding
  std::uint64_t trained = 0;  // targets that the loss counts: only they get logits
};

// What a training computes in: float32 activations on a CPU; on a GPU those of the stored half
// type, with packed weights unpacked for one product at a time.
enum class Activations : std::uint8_t { kFloat32, kHalf };

// Rows whose logits a training's loss holds at once: a quarter of a GiB of them in float32, on a
// GPU half a GiB, since each time the head is unpacked anew; at least 64.
int loss_chunk_rows(int vocab_size, Activations activations);

// Multiple to which a training pads its longest batches (train/trainer_state.cpp).
std::uint64_t padding(Activations activations);

// Values that a job trains: the factors of the adapted modules, with "full" the weights themselves.
std::uint64_t trained_parameters(const ModelConfig& config, const FinetuneParams& params);

// What a training's arrays take, in bytes, part by part (memory_estimate.cpp has the formulas).
struct FinetuneMemory {
  // There from the first step to the last.
  std::uint64_t weights = 0;
  std::uint64_t trained = 0;      // the adapter, or the copies that full fine-tuning changes
  std::uint64_t optimizer = 0;    // its moments
  std::uint64_t accumulated = 0;  // summed gradients, where an update takes several batches
  // While the backward pass begins.
  std::uint64_t activations = 0;  // kept by all layers for it
  std::uint64_t working = 0;      // logits and their gradient, or one layer's working set
  std::uint64_t ahead = 0;        // evaluation that runs ahead of a GPU
  // While the update is computed.
  std::uint64_t gradients = 0;
  std::uint64_t updated = 0;  // new values

  [[nodiscard]] std::uint64_t backward() const { return activations + working + ahead; }
  [[nodiscard]] std::uint64_t update() const { return gradients + updated; }
  // The peak.
  [[nodiscard]] std::uint64_t total() const {
    return weights + trained + optimizer + accumulated + std::max(backward(), update());
  }
  // {"weights",…, one member a part; "array_bytes": total(); "process_bytes": worker_bytes() of it}
  [[nodiscard]] base::Json to_json() const;
};
FinetuneMemory finetune_memory(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch,
    Activations activations = Activations::kFloat32);

// The peak alone.
std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    const BatchTokens& batch,
    Activations activations = Activations::kFloat32);

// The same for `batch_size` rows of `seq_length` tokens that are all trained.
std::uint64_t finetune_bytes(
    const ModelConfig& config,
    std::uint64_t weight_bytes,
    const FinetuneParams& params,
    int batch_size,
    int seq_length,
    Activations activations = Activations::kFloat32);

// The process of a worker whose arrays peak at `array_bytes`: beside them its code, libraries,
// tokenizer, threads and BLAS buffers (36 to 55 MB measured on Linux), and what the allocator
// cannot reuse.
std::uint64_t worker_bytes(std::uint64_t array_bytes);
// What its arrays, with what the allocator keeps of freed ones, may take of `process_bytes`.
std::uint64_t array_bytes_within(std::uint64_t process_bytes);

}  // namespace hub::model_config
