#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/model_config.h"
#include "core/nn/attention.h"
#include "core/nn/gated_delta.h"

namespace hub::models {

namespace mx = mlx::core;

struct KvCacheOptions {
  int bits = 0;    // of keys and values (model_config/kv_bits.h); 0: floats
  int window = 0;  // tokens whose rows stay (model_config/kv_window.h); 0: all
  int sinks = 4;   // of them the first ones
};

// Of the recurrent layers' states.
nn::DeltaHeads delta_heads(const model_config::ModelConfig::LinearAttention& shape);

// What a model keeps of one sequence: keys and values of the layers with attention, the state of
// those with a recurrence. Keys and values grow geometrically; a row is written once and never
// moves until growth. With a window the oldest rows behind the sinks are dropped when there is no
// room for more, never one that a later token sees. A state has one size whatever the length, is
// float32, and goes back within the last step alone. Belongs to the thread that owns MLX.
class KvCache {
 public:
  // The options must be possible (model_config::check_kv_bits, check_kv_window).
  explicit KvCache(const model_config::ModelConfig& config, KvCacheOptions options = {});

  // [kv_heads, capacity, head_dim], rows [0, length - dropped) valid; with KvCacheOptions::bits
  // words in place of elements (kernels/row_format.h).
  struct Layer {
    mx::array keys;  // after the rotary embedding
    mx::array values;
  };

  // Makes room for `rows` more tokens, of which a layer's arrays come with its next step. With a
  // window: of one step, or no more than model_config::most_kv_rows() with those that it holds.
  void reserve(int rows);
  // Forgets tokens from `length` on. With recurrent layers: all, none, or, the first time after a
  // step with guesses (recur()), no more than that step's, whose rows that stay are mixed again;
  // where rows were dropped: no further than to where the last reserve() was called, or all. Else
  // throws kInternal.
  void trim(int length);
  // Whether it holds the rows of all its tokens: what was dropped serves no other sequence.
  [[nodiscard]] bool is_whole() const { return dropped_ == 0; }
  // Tokens whose rows are gone.
  [[nodiscard]] int dropped() const { return dropped_; }
  // A cache of its own that holds the first `length` rows, 0 < length <= length(); with recurrent
  // layers all of them. Throws kInternal for others, and where rows were dropped. Its arrays are
  // yet to be evaluated.
  [[nodiscard]] KvCache prefix(int length) const;
  [[nodiscard]] int length() const { return length_; }
  // Rows that there is room for, those reserved and yet to come included.
  [[nodiscard]] int capacity() const { return capacity_; }
  [[nodiscard]] std::uint64_t bytes() const;

  // For the attend functions: the arrays of a layer with the reserved room, replaced after each
  // step, how they are kept, and the step's commit. While the cache is empty floats get type
  // `dtype`.
  [[nodiscard]] Layer& layer(int index, mx::Dtype dtype);
  [[nodiscard]] const nn::RowFormat& format(int index) const {
    return formats_[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] nn::RowWindow window() const;
  // The gated delta rule of a recurrent layer over the step's rows (nn/gated_delta.h), from its
  // state on, which becomes that after them. `may_go_back`: the state before and the rows stay,
  // until trim() or the layer's next step.
  [[nodiscard]] mx::array recur(int index, const nn::DeltaRows& rows, bool may_go_back);
  void advance(int rows) {
    length_ += rows;
    writers_.clear();
  }
  // The step's attention: on a GPU its evaluation may be what writes the layer's arrays.
  void written_by(const mx::array& attention) { writers_.push_back(attention); }
  // Every array, and whatever writes them, to be evaluated together with a step's result.
  [[nodiscard]] std::vector<mx::array> arrays() const;

  // What it holds, by name: "keys.<layer>" and "values.<layer>" as in Layer, of which rows [0,
  // length) count; "conv.<layer>" and "delta.<layer>" of a recurrent layer, whole. Of a cache that
  // is whole.
  struct Part {
    std::string name;
    mx::array array;
    bool has_rows;
  };
  [[nodiscard]] std::vector<Part> parts() const;
  // A cache of `length` > 0 rows made of such parts, keys and values with exactly so many rows.
  // Throws kUnprocessable naming a part that is missing or is not what `config` and `options` make
  // of it.
  static KvCache of_parts(
      const model_config::ModelConfig& config,
      int length,
      const std::unordered_map<std::string, mx::array>& parts,
      KvCacheOptions options = {});

 private:
  void forget_states();
  void take_back_states(int length);
  void drop_rows();

  KvCacheOptions options_;
  std::vector<Layer> layers_;
  std::vector<int>
      layers_dropped_;  // as dropped_, of each layer's arrays: they follow with its step
  std::vector<nn::RowFormat> formats_;    // of each layer
  std::map<int, nn::DeltaState> states_;  // of the recurrent layers
  // A step of one of them that may be taken back: the state before it, and its rows.
  struct DeltaStep {
    nn::DeltaState before;
    nn::DeltaRows rows;
  };
  std::map<int, DeltaStep> last_step_;
  int step_began_ = 0;  // length() before the last step with guesses
  std::optional<model_config::ModelConfig::LinearAttention> linear_attention_;
  std::vector<mx::array> writers_;  // of the step that was not committed
  int length_ = 0;                  // tokens
  int dropped_ = 0;                 // rows, of the tokens behind the sinks
  int capacity_ = 0;                // rows
};

}  // namespace hub::models
