#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/data/dataset.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace hub::data {

// A row as the trainer takes it. `trained[i]` is 1 when token i is a target that counts in the
// loss; token 0 never is, nothing precedes it. Both of equal length.
struct Example {
  std::vector<int> tokens;
  std::vector<std::uint8_t> trained;
  // Where the second and further of several rows in one begin (packing.h); empty: it is one.
  std::vector<std::size_t> packed{};
  // Of preference rows: the prompt with the rejected answer, where the above is the prompt with the
  // chosen one. Else nullptr.
  std::shared_ptr<const Example> rejected = nullptr;

  // Of the chosen answer alone.
  [[nodiscard]] std::size_t trained_count() const;
};

// How long a row is, and how much of it is trained.
struct RowCounts {
  std::size_t tokens = 0;  // of preference rows the prompt with the chosen answer
  std::size_t trained = 0;
  std::size_t rejected_tokens = 0;  // of preference rows the prompt with the rejected one; else 0
  std::size_t rejected_trained = 0;

  [[nodiscard]] std::size_t longest() const { return std::max(tokens, rejected_tokens); }
  [[nodiscard]] std::size_t all_tokens() const { return tokens + rejected_tokens; }
  [[nodiscard]] std::size_t all_trained() const { return trained + rejected_trained; }
};
RowCounts counts_of(const Example& example);

struct ExampleOptions {
  int max_seq_length = 2048;     // tokens; longer rows lose their end
  bool train_on_prompt = false;  // true: every token counts
  std::string objective = {};    // what data sets are for (preference.h); "": anything
};

// What became of a row.
struct BuiltRow {
  std::optional<Example> example;  // absent: skipped, and `problem` says why
  std::string problem;             // empty, or why the row is skipped or not trained wholly
  std::size_t full_length = 0;     // tokens before truncation, of the longer answer
  bool truncated = false;
};

// Rows → examples with one model's tokenizer and chat template. Immutable; thread-safe.
//   chat, sharegpt: the rendered conversation; every assistant turn is trained, with its
//               end-of-turn token (assistant_spans.h)
//   completion: as the chat [user, assistant]; without a chat template prompt + completion + EOS as
//               plain text, the completion and EOS trained
//   alpaca:     as a completion; without a chat template after Stanford's Alpaca prompt
//   choice:     as the completion by the choice that is the answer
//   preference: as a chat, once with each answer; the turns behind the shared prompt are trained.
//               Without a chat template, texts as a completion
//   text:       the text with the tokenizer's own special tokens and EOS; everything trained
// Token ids are those of mlx-lm's datasets (mlx_lm/tuner/datasets.py).
class ExampleBuilder {
 public:
  // `eos` is appended to plain text; absent: nothing is.
  ExampleBuilder(
      std::shared_ptr<const text::Tokenizer> tokenizer,
      std::shared_ptr<const text::ChatTemplate> chat_template,
      std::optional<int> eos,
      ExampleOptions options);

  // All from a model folder; EOS is tokenizer_config.json's eos_token. Throws kUnprocessable.
  static ExampleBuilder load(const std::filesystem::path& folder, const ExampleOptions& options);

  // Never throws for what the row holds: that is its `problem`.
  [[nodiscard]] BuiltRow build(const Row& row) const;

  [[nodiscard]] const std::shared_ptr<const text::Tokenizer>& tokenizer() const {
    return tokenizer_;
  }
  [[nodiscard]] const ExampleOptions& options() const { return options_; }

 private:
  [[nodiscard]] BuiltRow build_pair(const base::Json& row) const;

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::shared_ptr<const text::ChatTemplate> chat_template_;
  std::optional<int> eos_;
  ExampleOptions options_;
};

// What became of a data set's rows.
struct ExampleReport {
  std::size_t examples = 0;
  Problems problems;  // of the file and of its rows
  std::size_t truncated = 0;
  std::size_t skipped = 0;  // good lines that gave no example
  std::string digest;       // SHA-256 of the file's bytes
};

using TakeExample = std::function<void(Example example)>;

// The examples of a file in the order of its lines, one by one, so that memory does not grow with
// it. Throws as read_rows() does, and kUnprocessable (`dataset_format`) when the builder's
// objective does not take such rows.
ExampleReport read_examples(
    const std::filesystem::path& file, const ExampleBuilder& builder, const TakeExample& take);

struct ExampleSet {
  std::vector<Example> examples;
  ExampleReport report;
};

// All at once.
ExampleSet read_examples(const std::filesystem::path& file, const ExampleBuilder& builder);

}  // namespace hub::data
