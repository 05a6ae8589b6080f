#include "core/engine/batch_runner.h"

#include <algorithm>
#include <exception>
#include <future>
#include <limits>
#include <numeric>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/engine/logit_rules.h"
#include "core/models/attend.h"
#include "core/nn/adapter_spans.h"

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

Layout lay_out(std::span<const RunPart> parts) {
  Layout layout;
  layout.order.resize(parts.size());
  std::iota(layout.order.begin(), layout.order.end(), std::size_t{0});
  std::ranges::sort(layout.order, std::less<>(), [&](std::size_t i) {
    return std::pair(parts[i].sequence->owner.adapter.get(), i);
  });
  for (const std::size_t index : layout.order) {
    const RunPart& part = parts[index];
    Sequence& sequence = *part.sequence;
    const auto begin = static_cast<int>(layout.tokens.size());
    const int end = begin + part.rows;
    const auto from = sequence.tokens.begin() + sequence.cache->length();
    layout.tokens.insert(layout.tokens.end(), from, from + part.rows);
    layout.sequences.push_back({.cache = &*sequence.cache, .rows = part.rows});
    nn::add_span(layout.spans, sequence.owner.adapter.get(), begin, end);
    if (part.samples) {
      const auto row = static_cast<int>(layout.last_rows.size());
      layout.sampling.push_back(index);
      layout.last_rows.push_back(end - 1);
      nn::add_span(layout.sampling_spans, sequence.owner.adapter.get(), row, row + 1);
    }
  }
  return layout;
}

// Leaves no chance to what the mask does not let come.
void keep_allowed(std::span<float> logits, std::span<const std::uint32_t> mask) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if ((mask[i / 32] >> (i % 32) & 1U) == 0U) {
      logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
}

mx::array row_indices(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

}  // namespace

// The logits after the sequence's rules; they themselves where it has none.
std::span<const float> BatchRunner::changed(
    std::span<const float> logits, const Sequence& sequence) {
  const bool holds_on = static_cast<int>(sequence.tokens.size()) < sequence.min_length &&
                        !(sequence.grammar && sequence.grammar->must_end());
  if (!holds_on && !sequence.grammar && !changes_logits(sequence.sampling.rules)) {
    return logits;
  }
  row_.assign(logits.begin(), logits.end());
  change_logits(
      row_,
      sequence.sampling.rules,
      {.all = sequence.tokens, .prompt_length = static_cast<std::size_t>(sequence.prompt_length)});
  if (holds_on) {
    for (const int id : sequence.stop_ids) {
      if (static_cast<std::size_t>(id) < row_.size()) {
        row_[static_cast<std::size_t>(id)] = -std::numeric_limits<float>::infinity();
      }
    }
  }
  if (sequence.grammar) {
    keep_allowed(row_, sequence.mask);
  }
  return row_;
}

// Fills the masks of the parts that sample under a grammar. Touches their sequences' grammar and
// mask alone, so that it can go on beside the forward.
void BatchRunner::fill_masks(std::span<const RunPart> parts) const {
  const auto words = static_cast<std::size_t>((model_.config().vocab_size + 31) / 32);
  for (const RunPart& part : parts) {
    Sequence& sequence = *part.sequence;
    if (!part.samples || !sequence.grammar) {
      continue;
    }
    try {
      sequence.mask.resize(words);
      sequence.grammar->fill_mask(sequence.mask);
    } catch (const std::exception& error) {
      sequence.mask_error = error.what();
    }
  }
}

std::vector<std::optional<Drawn>> BatchRunner::run(std::span<const RunPart> parts) {
  std::future<void> masks;
  if (std::ranges::any_of(
          parts, [](const RunPart& part) { return part.samples && part.sequence->grammar; })) {
    masks = std::async(std::launch::async, [&] { fill_masks(parts); });
  }
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

  if (masks.valid()) {
    masks.get();
  }
  std::vector<std::optional<Drawn>> drawn(parts.size());
  for (std::size_t i = 0; i < layout.sampling.size(); ++i) {
    const Sequence& sequence = *parts[layout.sampling[i]].sequence;
    if (!sequence.mask_error.empty()) {
      continue;
    }
    const auto vocabulary = static_cast<std::size_t>(wanted.front().shape(1));
    const std::span logits(wanted.front().data<float>() + i * vocabulary, vocabulary);
    drawn[layout.sampling[i]] = sampler_.draw(
        changed(logits, sequence), sequence.sampling, sequence.seed, sequence.tokens.size());
  }
  return drawn;
}

}  // namespace hub::engine
