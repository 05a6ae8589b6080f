#include "core/engine/decode_ahead.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/engine/step_rows.h"
#include "core/models/attend.h"
#include "core/nn/adapter_spans.h"
#include "core/tensor/ops.h"

namespace hub::engine {

// The token that each of them goes on with, [sequences] int32: its last one, or the one that it
// awaits.
mx::array DecodeAhead::next_tokens(std::span<Sequence* const> sequences) const {
  if (begun_.empty()) {
    std::vector<int> tokens;
    tokens.reserve(sequences.size());
    for (const Sequence* sequence : sequences) {
      tokens.push_back(sequence->tokens.back());
    }
    return row_indices(tokens);
  }
  const Step& last = begun_.back();
  const mx::array tokens = tensor::astype(last.rows.tokens(), mx::int32);
  if (std::ranges::equal(sequences, last.sequences)) {
    return tokens;
  }
  std::vector<int> rows;
  rows.reserve(sequences.size());
  for (const Sequence* sequence : sequences) {
    const auto found = std::ranges::find(last.sequences, sequence);
    assert(found != last.sequences.end());
    rows.push_back(static_cast<int>(found - last.sequences.begin()));
  }
  return mx::take(tokens, row_indices(rows), 0);
}

void DecodeAhead::begin(std::span<const RunPart> parts) {
  std::vector<Sequence*> sequences;
  std::vector<models::SequenceRows> rows;
  std::vector<nn::AdapterSpan> spans;
  for (const std::size_t index : order_by_adapter(parts)) {
    Sequence* sequence = parts[index].sequence;
    const auto row = static_cast<int>(sequences.size());
    nn::add_span(spans, sequence->owner.adapter.get(), row, row + 1);
    sequence->cache->reserve(1);
    rows.push_back({.cache = &*sequence->cache, .rows = 1, .in_flight = sequence->awaited > 0});
    sequences.push_back(sequence);
  }
  const mx::array hidden =
      model_.hidden(next_tokens(sequences), models::cached_attend(model_, rows), spans);
  GreedyRows greedy(model_.logits(hidden, spans));
  std::vector<mx::array> wanted = greedy.arrays();
  add_written(wanted, rows);
  mx::async_eval(std::move(wanted));
  for (Sequence* sequence : sequences) {
    sequence->cache->advance(1);
    ++sequence->awaited;
  }
  begun_.push_back({std::move(sequences), std::move(greedy)});
}

std::vector<RunPart> DecodeAhead::finish(const TakeDrawn& take) {
  const Step step = std::move(begun_.front());
  begun_.pop_front();
  mx::eval(step.rows.arrays());
  std::vector<RunPart> parts;
  for (std::size_t row = 0; row < step.sequences.size(); ++row) {
    if (Sequence* sequence = step.sequences[row]) {
      --sequence->awaited;
      parts.push_back({.sequence = sequence, .rows = 1, .samples = true});
      take(*sequence, step.rows.row(row), false);
    }
  }
  return parts;
}

void DecodeAhead::drop_ended() {
  for (Step& step : begun_) {
    for (Sequence*& sequence : step.sequences) {
      if (sequence != nullptr && sequence->ended) {
        sequence = nullptr;
      }
    }
  }
}

}  // namespace hub::engine
