#include "core/engine/batch_runner.h"

#include <algorithm>
#include <numeric>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/models/attend.h"

namespace hub::engine {

namespace mx = mlx::core;

namespace {

// The step's rows, sequences with the same adapter side by side.
struct Layout {
  std::vector<std::size_t> order;  // indices of parts
  std::vector<int> tokens;         // [rows]
  std::vector<models::SequenceRows> sequences;
  std::vector<nn::AdapterSpan> spans;  // over the rows
  std::vector<std::size_t> sampling;   // indices of parts, in row order
  std::vector<int> last_rows;          // [sampling]
  std::vector<nn::AdapterSpan> sampling_spans;
};

// Extends the last span when it has the same adapter; rows of the base belong to no span.
void add_rows(
    std::vector<nn::AdapterSpan>& spans, const nn::LoraAdapter* adapter, int begin, int end) {
  if (adapter == nullptr) {
    return;
  }
  if (!spans.empty() && spans.back().adapter == adapter && spans.back().end == begin) {
    spans.back().end = end;
    return;
  }
  spans.push_back({.adapter = adapter, .begin = begin, .end = end});
}

Layout lay_out(std::span<const RunPart> parts) {
  Layout layout;
  layout.order.resize(parts.size());
  std::iota(layout.order.begin(), layout.order.end(), std::size_t{0});
  std::ranges::sort(layout.order, std::less<>(), [&](std::size_t i) {
    return std::pair(parts[i].sequence->adapter.get(), i);
  });
  for (const std::size_t index : layout.order) {
    const RunPart& part = parts[index];
    Sequence& sequence = *part.sequence;
    const auto begin = static_cast<int>(layout.tokens.size());
    const int end = begin + part.rows;
    const auto from = sequence.tokens.begin() + sequence.cache->length();
    layout.tokens.insert(layout.tokens.end(), from, from + part.rows);
    layout.sequences.push_back({.cache = &*sequence.cache, .rows = part.rows});
    add_rows(layout.spans, sequence.adapter.get(), begin, end);
    if (part.samples) {
      const auto row = static_cast<int>(layout.last_rows.size());
      layout.sampling.push_back(index);
      layout.last_rows.push_back(end - 1);
      add_rows(layout.sampling_spans, sequence.adapter.get(), row, row + 1);
    }
  }
  return layout;
}

mx::array row_indices(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

}  // namespace

std::vector<std::optional<Drawn>> BatchRunner::run(std::span<const RunPart> parts) {
  const Layout layout = lay_out(parts);
  for (const models::SequenceRows& sequence : layout.sequences) {
    sequence.cache->reserve(sequence.rows);
  }
  const models::Attend attend = models::cached_attend(model_, layout.sequences);
  const mx::array hidden =
      model_.hidden(row_indices(layout.tokens), attend, layout.spans);  // [rows, hidden]

  std::vector<mx::array> wanted;
  if (!layout.sampling.empty()) {
    const bool all_rows = layout.last_rows.size() == layout.tokens.size();
    const mx::array last =
        all_rows ? hidden : mx::take(hidden, row_indices(layout.last_rows), 0);  // [S, hidden]
    wanted.push_back(
        mx::contiguous(model_.logits(last, layout.sampling_spans)));  // [S, vocab] float32
  }
  for (const models::SequenceRows& sequence : layout.sequences) {
    std::ranges::copy(sequence.cache->arrays(), std::back_inserter(wanted));
  }
  mx::eval(wanted);
  for (const models::SequenceRows& sequence : layout.sequences) {
    sequence.cache->advance(sequence.rows);
  }

  std::vector<std::optional<Drawn>> drawn(parts.size());
  for (std::size_t i = 0; i < layout.sampling.size(); ++i) {
    const Sequence& sequence = *parts[layout.sampling[i]].sequence;
    const auto vocabulary = static_cast<std::size_t>(wanted.front().shape(1));
    const std::span logits(wanted.front().data<float>() + i * vocabulary, vocabulary);
    drawn[layout.sampling[i]] =
        sampler_.draw(logits, sequence.sampling, sequence.seed, sequence.tokens.size());
  }
  return drawn;
}

}  // namespace hub::engine
