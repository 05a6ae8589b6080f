#include "core/engine/prompt_scores.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/nn/adapter_spans.h"
#include "core/nn/lora.h"

namespace hub::engine {

void PromptScorer::score(Sequence& sequence, const mx::array& hidden, int first) {
  if (!sequence.tells_prompt) {
    return;
  }
  // One that gave way computes rows again that were scored already.
  const int known = static_cast<int>(sequence.prompt_scores.size());
  const int last = std::min(first + hidden.shape(0), sequence.prompt_length - 1);
  const auto vocabulary = static_cast<std::size_t>(model_.config().vocab_size);
  const int at_once = static_cast<int>(std::max<std::size_t>(kMostLogits / vocabulary, 1));
  for (int begin = std::max(known, first); begin < last; begin += at_once) {
    const int end = std::min(begin + at_once, last);
    if (!score_rows(sequence, hidden, first, begin - first, end - first)) {
      return;
    }
  }
}

bool PromptScorer::score_rows(
    Sequence& sequence, const mx::array& hidden, int first, int begin, int end) {
  std::vector<nn::AdapterSpan> spans;
  nn::add_span(spans, sequence.owner.adapter.get(), 0, end - begin);
  const mx::array logits = mx::contiguous(
      model_.logits(nn::rows_of(hidden, {begin, end}), spans));  // [end - begin, vocab] float32
  mx::eval(logits);
  const auto vocabulary = static_cast<std::size_t>(logits.shape(1));
  const std::span rows(logits.data<float>(), logits.size());
  for (int row = begin; row < end; ++row) {
    const auto place = static_cast<std::size_t>(first) + static_cast<std::size_t>(row) + 1;
    const int token = sequence.tokens[place];
    auto scored = sampler_.score(
        rows.subspan(static_cast<std::size_t>(row - begin) * vocabulary, vocabulary),
        token,
        sequence.sampling.top_logprobs);
    if (!scored) {
      return false;
    }
    sequence.prompt_scores.push_back(*std::move(scored));
  }
  return true;
}

}  // namespace hub::engine
