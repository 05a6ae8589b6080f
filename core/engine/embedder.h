#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/engine/embed_state.h"
#include "core/engine/embedding.h"
#include "core/engine/pool.h"
#include "core/models/attend.h"
#include "core/models/language_model.h"
#include "core/models/text_encoder.h"

namespace hub::engine {

// Tokens of a step while sequences wait for their next token.
inline constexpr int kRowsBesideDecoding = 64;

// A request for vectors while it lives in the engine. Made by embed(), then belongs to the engine's
// thread.
struct EmbedTask {
  EmbedRequest request;
  std::shared_ptr<const nn::LoraAdapter> adapter;  // null: the base
  std::shared_ptr<EmbedState> state;
  Vectors vectors;  // of the first texts: so many are done
  bool ended = false;
  // Of a text that a decoder reads in parts: what it has read.
  struct Part {
    models::KvCache cache;
    Pool pool;
  };
  std::optional<Part> part;

  [[nodiscard]] const std::vector<int>& next() const { return request.inputs[vectors.size()]; }
};

// The embedding requests of an engine and what happens to them in a step. Steps are bounded, so
// that the engine can take turns between them and the sequences that it generates: the texts of one
// step have at most `max_rows` tokens together. A longer text is read in parts, of an encoder,
// which cannot cut it, at once. Requests take turns, too: each gives one text of a step after
// another. A text has the same vector whatever else is in its step (CPU: to the last bit). Belongs
// to the thread that owns MLX. Every task that was added ends exactly once.
class Embedder {
 public:
  // `on_end` is called after a task's end. The model outlives this.
  Embedder(const models::LanguageModel& model, int max_rows, std::function<void()> on_end = {});
  Embedder(const models::TextEncoder& encoder, int max_rows, std::function<void()> on_end = {});

  void add(std::unique_ptr<EmbedTask> task);

  // One forward, of at most `rows` <= max_rows tokens unless a single text that is read at once has
  // more. A failure in it ends its requests and leaves the others as they were. Requests whose
  // readers are gone end first.
  void step(int rows);
  void step() { step(max_rows_); }

  // Ends everything with kUnavailable.
  void cancel_all();

  [[nodiscard]] bool idle() const { return tasks_.empty(); }
  [[nodiscard]] int requests() const { return static_cast<int>(tasks_.size()); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::uint64_t step_texts() const { return step_texts_; }  // summed over steps
  [[nodiscard]] std::uint64_t tokens() const { return tokens_; }  // that went through the model
  // What texts that are read in parts hold.
  [[nodiscard]] std::uint64_t cache_bytes() const;

 private:
  Embedder(
      const models::LanguageModel* model,
      const models::TextEncoder* encoder,
      int max_rows,
      std::function<void()> on_end);

  [[nodiscard]] bool is_read_in_parts(const std::vector<int>& text) const;
  void run_part(EmbedTask& task, int rows);
  void run_texts(const std::vector<EmbedTask*>& texts);
  [[nodiscard]] std::vector<EmbedTask*> choose_texts(int rows) const;
  void finish_text(EmbedTask& task, const Pool& pool);
  void end(EmbedTask& task, const std::exception_ptr& error);

  // One of the two.
  const models::LanguageModel* model_;
  const models::TextEncoder* encoder_;
  const int max_rows_;
  const std::function<void()> on_end_;
  std::deque<std::unique_ptr<EmbedTask>> tasks_;  // the one whose turn it is comes first
  std::uint64_t steps_ = 0;
  std::uint64_t step_texts_ = 0;
  std::uint64_t tokens_ = 0;
};

}  // namespace hub::engine
