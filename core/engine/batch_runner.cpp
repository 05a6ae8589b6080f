#include "core/engine/batch_runner.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <future>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/engine/logit_rules.h"
#include "core/models/attend.h"
#include "core/nn/adapter_spans.h"
#include "core/nn/lora.h"

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
  std::vector<int> sampled_rows;       // the last one of each of them, and those of its draft
  std::vector<nn::AdapterSpan> sampling_spans;  // over sampled_rows
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
    const auto drafted = static_cast<int>(part.draft.size());
    const int end = begin + part.rows + drafted;
    const auto from = sequence.tokens.begin() + sequence.cache->length();
    layout.tokens.insert(layout.tokens.end(), from, from + part.rows);
    layout.tokens.insert(layout.tokens.end(), part.draft.begin(), part.draft.end());
    layout.sequences.push_back(
        {.cache = &*sequence.cache, .rows = part.rows + drafted, .drafted = drafted});
    nn::add_span(layout.spans, sequence.owner.adapter.get(), begin, end);
    if (part.samples) {
      const auto row = static_cast<int>(layout.sampled_rows.size());
      layout.sampling.push_back(index);
      for (int sampled = end - 1 - drafted; sampled < end; ++sampled) {
        layout.sampled_rows.push_back(sampled);
      }
      nn::add_span(layout.sampling_spans, sequence.owner.adapter.get(), row, row + 1 + drafted);
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

std::size_t mask_words(const models::LanguageModel& model) {
  return static_cast<std::size_t>((model.config().vocab_size + 31) / 32);
}

}  // namespace

mx::array row_indices(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

// The logits after the sequence's rules; they themselves where it has none. `drafted`: tokens of
// the step's draft among the sequence's.
std::span<const float> BatchRunner::changed(
    std::span<const float> logits, const Sequence& sequence, std::size_t drafted) {
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
    const std::size_t words = mask_words(model_);
    keep_allowed(row_, std::span(sequence.mask).subspan(drafted * words, words));
  }
  return row_;
}

// Fills the masks of the parts that sample under a grammar. Touches their sequences' grammar and
// mask alone, so that it can go on beside the forward.
void BatchRunner::fill_masks(std::span<const RunPart> parts) const {
  const std::size_t words = mask_words(model_);
  for (const RunPart& part : parts) {
    Sequence& sequence = *part.sequence;
    if (!part.samples || !sequence.grammar) {
      continue;
    }
    sequence.mask.clear();
    std::optional<text::GrammarState> copy;
    if (!part.draft.empty()) {
      copy.emplace(sequence.grammar->clone());
    }
    text::GrammarState& state = copy ? *copy : *sequence.grammar;
    for (std::size_t i = 0; i <= part.draft.size(); ++i) {
      try {
        if (i > 0) {
          state.accept(part.draft[i - 1]);
        }
        sequence.mask.resize((i + 1) * words);
        state.fill_mask(std::span(sequence.mask).subspan(i * words, words));
      } catch (const std::exception& error) {
        sequence.mask.resize(i * words);
        if (i == 0) {  // what a guess led to is no error of the answer
          sequence.mask_error = error.what();
        }
        break;
      }
    }
  }
}

// Draws from the rows [1 + draft, vocab] of a part for as long as the draft is what comes.
void BatchRunner::draw(RunPart& part, std::span<const float> logits, const TakeDrawn& take) {
  Sequence& sequence = *part.sequence;
  const std::size_t vocabulary = logits.size() / (part.draft.size() + 1);
  for (std::size_t i = 0; i <= part.draft.size(); ++i) {
    const std::size_t known = sequence.tokens.size();
    if (i > 0 && sequence.grammar && sequence.mask.size() < (i + 1) * mask_words(model_)) {
      sequence.cache->trim(static_cast<int>(known) - 1);  // the last token is computed again
      return;
    }
    std::optional<Drawn> drawn;
    if (sequence.mask_error.empty()) {
      drawn = sampler_.draw(
          changed(logits.subspan(i * vocabulary, vocabulary), sequence, i),
          sequence.sampling,
          sequence.seed,
          known);
    }
    const bool agrees = drawn && i < part.draft.size() && drawn->token == part.draft[i];
    if (!agrees) {
      sequence.cache->trim(static_cast<int>(known));
    }
    part.accepted += agrees ? 1 : 0;
    if (!take(sequence, drawn, agrees) || !agrees) {
      return;
    }
  }
}

void BatchRunner::run(std::span<RunPart> parts, const TakeDrawn& take) {
  std::future<void> masks;
  if (std::ranges::any_of(
          parts, [](const RunPart& part) { return part.samples && part.sequence->grammar; })) {
    masks = std::async(std::launch::async, [&] { fill_masks(parts); });
  }
  const Layout layout = lay_out(parts);
  std::vector<int> begins;  // of each sequence's rows in its cache
  for (const models::SequenceRows& sequence : layout.sequences) {
    begins.push_back(sequence.cache->length());
    sequence.cache->reserve(sequence.rows);
  }
  const models::Attend attend = models::cached_attend(model_, layout.sequences);
  const mx::array hidden =
      model_.hidden(row_indices(layout.tokens), attend, layout.spans);  // [rows, hidden]

  std::vector<mx::array> wanted;
  if (!layout.sampling.empty()) {
    const bool all_rows = layout.sampled_rows.size() == layout.tokens.size();
    const mx::array sampled =
        all_rows ? hidden : mx::take(hidden, row_indices(layout.sampled_rows), 0);  // [S, hidden]
    wanted.push_back(
        mx::contiguous(model_.logits(sampled, layout.sampling_spans)));  // [S, vocab] float32
  }
  for (const models::SequenceRows& sequence : layout.sequences) {
    std::ranges::copy(sequence.cache->arrays(), std::back_inserter(wanted));
  }
  if (gives_hidden_) {
    wanted.push_back(hidden);
  }
  mx::eval(wanted);
  for (const models::SequenceRows& sequence : layout.sequences) {
    sequence.cache->advance(sequence.rows);
  }

  if (masks.valid()) {
    masks.get();
  }
  std::size_t row = 0;
  for (const std::size_t index : layout.sampling) {
    RunPart& part = parts[index];
    const auto vocabulary = static_cast<std::size_t>(wanted.front().shape(1));
    const std::size_t rows = part.draft.size() + 1;
    draw(part, {wanted.front().data<float>() + row * vocabulary, rows * vocabulary}, take);
    row += rows;
  }
  int begin = 0;
  for (std::size_t i = 0; gives_hidden_ && i < layout.order.size(); ++i) {
    RunPart& part = parts[layout.order[i]];
    if (part.sequence->cache) {  // else it ended
      const int kept = part.sequence->cache->length() - begins[i];
      part.hidden = nn::rows_of(hidden, {begin, begin + kept});
    }
    begin += layout.sequences[i].rows;
  }
}

}  // namespace hub::engine
