#include "core/data/preview.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "core/text/detokenizer.h"

namespace hub::data {

std::vector<PreviewPiece> preview_pieces(
    const Example& example, const std::shared_ptr<const text::Tokenizer>& tokenizer) {
  text::Detokenizer detokenizer(tokenizer, false);
  std::vector<PreviewPiece> pieces;
  const auto append = [&pieces](const std::string& text, bool trained) {
    if (text.empty()) {
      return;
    }
    if (pieces.empty() || pieces.back().trained != trained) {
      pieces.push_back({.text = {}, .trained = trained});
    }
    pieces.back().text += text;
  };
  bool trained = false;
  for (std::size_t i = 0; i < example.tokens.size(); ++i) {
    trained = example.trained[i] != 0;
    append(detokenizer.push(example.tokens[i]), trained);
  }
  append(detokenizer.flush(), trained);
  return pieces;
}

namespace {

base::Json pieces_json(const Example& example, const ExampleBuilder& builder) {
  base::Json pieces = base::Json::array();
  for (PreviewPiece& piece : preview_pieces(example, builder.tokenizer())) {
    pieces.push_back({{"text", std::move(piece.text)}, {"trained", piece.trained}});
  }
  return pieces;
}

}  // namespace

base::Json preview_row(const Row& row, const ExampleBuilder& builder) {
  const BuiltRow built = builder.build(row);
  base::Json pieces = base::Json::array();
  base::Json rejected = nullptr;
  if (built.example) {
    pieces = pieces_json(*built.example, builder);
    if (built.example->rejected) {
      rejected = pieces_json(*built.example->rejected, builder);
    }
  }
  return {
      {"line", row.line},
      {"format", to_string(row.format)},
      {"tokens", built.full_length},
      {"trained_tokens", built.example ? counts_of(*built.example).all_trained() : 0},
      {"truncated", built.truncated},
      {"problem", built.problem.empty() ? base::Json(nullptr) : base::Json(built.problem)},
      {"pieces", std::move(pieces)},
      {"rejected_pieces", std::move(rejected)},
  };
}

}  // namespace hub::data
