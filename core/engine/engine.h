#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/embedding.h"
#include "core/engine/generation.h"
#include "core/engine/prefix_disk_config.h"
#include "core/engine/speculation.h"
#include "core/engine/token_stream.h"
#include "core/model_config/model_config.h"

namespace hub::engine {

struct EngineConfig {
  std::filesystem::path model_folder;
  // Whole weights of a full fine-tuning (models/model_tensors.h) in place of the model's.
  std::optional<std::filesystem::path> weights_folder{};
  int max_running = 16;     // sequences decoded together
  int max_waiting = 256;    // beyond it submit() refuses (queue_limit.h)
  int prefill_chunk = 256;  // prompt tokens a step at most, so that decoding goes on beside a long
                            // prompt; tokens of texts to embed likewise (embedder.h)
  // All caches together, kept prefixes included, which give way; a request waits for room.
  std::uint64_t kv_budget_bytes = 2ULL << 30U;
  double slow_step_seconds = 60.0;  // longer steps are slow (step_watch.h)
  bool keeps_prefixes = true;       // prefix_cache.h
  int speculative_tokens = 16;      // StepLoopOptions
  int kv_bits = 0;                  // models::KvCacheOptions
  int kv_window = 0;
  int kv_sinks = 4;
  int activation_bits = 32;  // models::LoadOptions, of a decoder; a draft model keeps 32
  // Results do not depend on the batch on a GPU, either (nn::set_batch_invariant(), for the whole
  // process).
  bool batch_invariant = false;
  // Of a model that guesses tokens where speculative_tokens lets it (draft_model.h). Its caches
  // are among those of kv_budget_bytes.
  std::optional<std::filesystem::path> draft_folder{};
  std::optional<PrefixDiskConfig> prefix_disk{};        // where those go that memory cannot keep
  std::uint64_t mlx_cache_limit_bytes = 256ULL << 20U;  // freed buffers that MLX keeps for reuse
};

struct EngineStats {
  int running = 0;  // sequences, and requests for embeddings
  int waiting = 0;
  std::uint64_t waiting_keys = 0;     // scopes of those that wait
  std::uint64_t refused = 0;          // the queue was full
  std::uint64_t refused_for_key = 0;  // their key's part of it was
  std::uint64_t prompt_tokens = 0;
  std::uint64_t generated_tokens = 0;
  std::uint64_t embedded_tokens = 0;       // of texts that were to be embedded
  std::uint64_t steps = 0;                 // forward passes
  std::uint64_t step_sequences = 0;        // sequences and texts in them, summed
  std::uint64_t slow_steps = 0;            // of them those beyond slow_step_seconds
  double step_seconds = 0.0;               // since the one that runs began; 0: none does
  std::uint64_t preemptions = 0;           // sequences that gave their cache up and waited again
  std::uint64_t cached_prompt_tokens = 0;  // of prompt_tokens those that were not computed again
  DraftCounts drafts{};
  std::uint64_t kv_bytes = 0;        // of running sequences, the draft model's included
  std::uint64_t prefix_bytes = 0;    // of sequences that ended, kept for the next ones
  std::uint64_t prefix_entries = 0;  // such sequences
  PrefixDiskStats prefix_disk{};
  std::uint64_t kv_limit_bytes = 0;
  int kv_bits = 0;  // EngineConfig
  int kv_window = 0;
  std::uint64_t weight_bytes = 0;  // the draft model's included
  std::uint64_t active_bytes = 0;  // MLX: in arrays
  std::uint64_t cache_bytes = 0;   // MLX: freed, kept for reuse
  std::uint64_t peak_bytes = 0;    // MLX: the most active_bytes ever was
  std::vector<std::string> adapters;
};

// One loaded base model, a decoder or a text encoder, any number of adapters, one thread that does
// all MLX work. Public functions are thread-safe.
class Engine {
 public:
  // Loads and warms the model on the engine's thread before it returns. Throws what load_model(),
  // load_draft_model(), model_config::check_kv_bits() and check_kv_window() throw.
  explicit Engine(EngineConfig config);
  ~Engine();  // cancels what runs

  // With EngineConfig::kv_window a request that says how many tokens it wants may go beyond the
  // context. Throws kInvalidArgument for an empty prompt, an id outside the vocabulary or a prompt
  // that does not fit (`context_length_exceeded`), kInsufficientMemory when its cache alone would
  // exceed the budget, kNotFound for an adapter that is not attached, kUnavailable when draining,
  // and what QueueLimit::enter() throws when too many wait. An encoder takes no such request:
  // kInvalidArgument (`model_makes_embeddings_only`).
  TokenStream submit(GenerateRequest request);

  // Vectors of texts; between two steps of the sequences that it generates the engine does one step
  // of them (embedder.h). Throws as submit(), naming `input[…]` or `dimensions`, for texts that are
  // empty, too long or not of the vocabulary, and dimensions that the model has not.
  PendingVectors embed(EmbedRequest request);

  // Loads the adapter in `folder` beside the base under `id`; done when it returns. Attaching an id
  // again changes nothing. An encoder takes none: kUnprocessable. `digest` names the adapter's
  // contents; without it no prefix of its requests goes to the disk.
  void attach(
      const std::string& id, const std::filesystem::path& folder, const std::string& digest = {});
  // New requests for it are refused at once; those that use it finish with it, and then its memory
  // is freed. False when it was not attached.
  bool detach(const std::string& id);

  // No new requests (submit throws kUnavailable); returns when the running ones have ended or
  // `timeout_ms` passed (false).
  bool drain(int timeout_ms);

  // Logs the running step where it is slow; to be called now and then.
  void watch_step();

  [[nodiscard]] const model_config::ModelConfig& model_config() const;
  // Tokens of prompt and answer together at most, without a kv_window: what the model was made for,
  // or less where the memory for keys and values holds less. A prompt must be shorter in any case.
  [[nodiscard]] int context_length() const;
  [[nodiscard]] EngineStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::engine
