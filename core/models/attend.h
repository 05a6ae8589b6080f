#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"

namespace hub::models {

// What a model keeps of one sequence: keys and values of the layers with attention, the state of
// those with a recurrence. Keys and values grow geometrically; a row is written once and never
// moves until growth. A state has one size whatever the length, and cannot go back. Belongs to the
// thread that owns MLX.
class KvCache {
 public:
  explicit KvCache(const model_config::ModelConfig& config);

  struct Layer {
    mx::array
        keys;  // [kv_heads, capacity, head_dim], rows [0, length) valid, after the rotary embedding
    mx::array values;  // [kv_heads, capacity, head_dim]
  };

  // Makes room for `rows` more tokens, of which a layer's arrays come with its next step.
  void reserve(int rows);
  // Forgets rows from `length` on. With recurrent layers: all rows or none, else throws kInternal.
  void trim(int length);
  // A cache of its own that holds the first `length` rows, 0 < length <= length(); with recurrent
  // layers all of them, else throws kInternal. Its arrays are yet to be evaluated.
  [[nodiscard]] KvCache prefix(int length) const;
  [[nodiscard]] int length() const { return length_; }
  // Rows that there is room for, those reserved and yet to come included.
  [[nodiscard]] int capacity() const { return capacity_; }
  [[nodiscard]] std::uint64_t bytes() const;

  // For the attend functions: the arrays of a layer with the reserved room, replaced after each
  // step, and the step's commit. While the cache is empty they get type `dtype`.
  [[nodiscard]] Layer& layer(int index, mx::Dtype dtype);
  [[nodiscard]] nn::DeltaState& state(int index) { return states_.at(index); }
  void advance(int rows) { length_ += rows; }
  // Every array, to be evaluated together with a step's result.
  [[nodiscard]] std::vector<mx::array> arrays() const;

  // What it holds, by name: "keys.<layer>" and "values.<layer>" [kv_heads, capacity, head_dim], of
  // which rows [0, length) count; "conv.<layer>" and "delta.<layer>" of a recurrent layer, whole.
  struct Part {
    std::string name;
    mx::array array;
    bool has_rows;
  };
  [[nodiscard]] std::vector<Part> parts() const;
  // A cache of `length` > 0 rows made of such parts, keys and values with exactly so many rows.
  // Throws kUnprocessable naming a part that is missing or has another shape than `config` gives
  // it.
  static KvCache of_parts(
      const model_config::ModelConfig& config,
      int length,
      const std::unordered_map<std::string, mx::array>& parts);

 private:
  void forget_states();

  std::vector<Layer> layers_;
  std::map<int, nn::DeltaState> states_;  // of the recurrent layers
  std::optional<model_config::ModelConfig::LinearAttention> linear_attention_;
  int length_ = 0;
  int capacity_ = 0;
};

// `rows` consecutive new tokens of one sequence in a step, at positions cache->length() …
struct SequenceRows {
  KvCache* cache;
  int rows;
};

// Serving: the step's rows are those of `sequences`, one after another; each attends causally to
// its own cache, and a recurrence goes on from its own state. Reserve before the forward; call
// advance() on each cache after it. An output row
// depends on its own sequence alone, and not on how its prompt was cut into chunks. `sequences`
// must outlive the returned function.
Attend cached_attend(const LanguageModel& model, std::span<const SequenceRows> sequences);
// Bytes of one token's keys and values as it keeps them: in the type that attention computes in.
// Evaluates nothing.
std::uint64_t kv_bytes_per_token(const LanguageModel& model);

// Training: rows are sequences of `lengths` tokens, one after another, each at positions 0 …
// length - 1, causal, from empty states; differentiable. Padding goes at the end of a sequence.
Attend causal_attend(const LanguageModel& model, std::vector<int> lengths);
// The same for `batch` sequences of `length` tokens.
Attend causal_attend(const LanguageModel& model, int batch, int length);

}  // namespace hub::models
