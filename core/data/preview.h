#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/data/examples.h"

namespace hub::data {

// A run of tokens that are all trained or all not, as text with special tokens shown.
struct PreviewPiece {
  std::string text;
  bool trained = false;
};

// The pieces join to the example's decoded text.
std::vector<PreviewPiece> preview_pieces(
    const Example& example, const std::shared_ptr<const text::Tokenizer>& tokenizer);

// {"line","format","tokens","trained_tokens","truncated","problem":null|"…","pieces":[{"text","trained"}],
//  "rejected_pieces":null|[{"text","trained"}]}
// Of a preference row `pieces` have the chosen answer, `tokens` are of the longer one and
// `trained_tokens` of both.
base::Json preview_row(const Row& row, const ExampleBuilder& builder);

}  // namespace hub::data
