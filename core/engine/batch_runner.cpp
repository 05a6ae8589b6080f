#include "core/engine/batch_runner.h"

#include <algorithm>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/engine/greedy_rows.h"
#include "core/engine/step_rows.h"
#include "core/models/attend.h"
#include "core/nn/adapter_spans.h"
#include "core/nn/lora.h"
#include "core/tensor/ops.h"

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
  layout.order = order_by_adapter(parts);
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

// Fewer are drawn from sooner than a thread starts.
constexpr std::size_t kLogitsOfThread = 256UL << 10U;
constexpr unsigned kMostThreads = 16;

}  // namespace

mx::array row_indices(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

BatchRunner::BatchRunner(const models::LanguageModel& model, bool gives_hidden)
    : model_(model),
      gives_hidden_(gives_hidden),
      scorer_(model),
      drawers_(std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads)) {}

// Fills the masks of the parts that sample under a grammar. Touches their sequences' grammar and
// mask alone, so that it can go on beside the forward.
void BatchRunner::fill_masks(std::span<const RunPart> parts) const {
  const std::size_t words = mask_words(model_.config().vocab_size);
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

// Draws from the rows of a part, that of its last token and those of its draft, for as long as the
// draft is what comes.
void BatchRunner::draw(RunPart& part, const DrawRow& draw_row, const TakeDrawn& take) const {
  Sequence& sequence = *part.sequence;
  for (std::size_t i = 0; i <= part.draft.size(); ++i) {
    const std::size_t known = sequence.tokens.size();
    if (i > 0 && sequence.grammar &&
        sequence.mask.size() < (i + 1) * mask_words(model_.config().vocab_size)) {
      sequence.cache->trim(static_cast<int>(known) - 1);  // the last token is computed again
      return;
    }
    const std::optional<Drawn> drawn = draw_row(i);
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

  std::optional<GreedyRows> greedy;
  std::vector<mx::array> wanted;
  if (!layout.sampling.empty()) {
    const bool all_rows = layout.sampled_rows.size() == layout.tokens.size();
    const mx::array sampled =
        all_rows ? hidden : mx::take(hidden, row_indices(layout.sampled_rows), 0);  // [S, hidden]
    const mx::array logits = model_.logits(sampled, layout.sampling_spans);  // [S, vocab] float32
    const auto is_likeliest = [&](std::size_t index) {
      return takes_likeliest(*parts[index].sequence);
    };
    if (tensor::default_device_is_gpu() && std::ranges::all_of(layout.sampling, is_likeliest)) {
      wanted = greedy.emplace(logits).arrays();
    } else {
      wanted.push_back(mx::contiguous(logits));
    }
  }
  add_written(wanted, layout.sequences);
  const bool scores = std::ranges::any_of(
      parts, [](const RunPart& part) { return part.sequence->scores_prompt(); });
  if (gives_hidden_ || scores) {
    wanted.push_back(hidden);
  }
  mx::eval(wanted);
  if (scores) {
    score_prompts(parts, layout.order, hidden);
  }
  for (const models::SequenceRows& sequence : layout.sequences) {
    sequence.cache->advance(sequence.rows);
  }

  if (masks.valid()) {
    masks.get();
  }
  if (greedy) {
    draw_likeliest(parts, layout.sampling, *greedy, take);
  } else if (!layout.sampling.empty()) {
    draw_all(parts, layout.sampling, wanted.front(), take);
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

// Before the caches advance: a row's place in its sequence follows from their length.
void BatchRunner::score_prompts(
    std::span<const RunPart> parts, std::span<const std::size_t> order, const mx::array& hidden) {
  int begin = 0;
  for (const std::size_t index : order) {
    const RunPart& part = parts[index];
    Sequence& sequence = *part.sequence;
    if (sequence.scores_prompt()) {
      const mx::array rows = nn::rows_of(hidden, {begin, begin + part.rows});
      scorer_.score(sequence, rows, sequence.cache->length());
    }
    begin += part.rows + static_cast<int>(part.draft.size());
  }
}

void BatchRunner::draw_likeliest(
    std::span<RunPart> parts,
    std::span<const std::size_t> sampling,
    const GreedyRows& rows,
    const TakeDrawn& take) {
  std::size_t row = 0;
  for (const std::size_t index : sampling) {
    RunPart& part = parts[index];
    draw(part, [&](std::size_t i) { return rows.row(row + i); }, take);
    row += part.draft.size() + 1;
  }
}

void BatchRunner::draw_all(
    std::span<RunPart> parts,
    std::span<const std::size_t> sampling,
    const mx::array& logits,
    const TakeDrawn& take) {
  std::vector<SampledPart> sampled;
  const auto vocabulary = static_cast<std::size_t>(logits.shape(1));
  const float* from = logits.data<float>();
  for (const std::size_t index : sampling) {
    const std::size_t count = (parts[index].draft.size() + 1) * vocabulary;
    sampled.push_back({&parts[index], {from, count}});
    from += count;
  }
  draw_first(sampled, vocabulary);
  for (auto& [part, rows, first] : sampled) {
    const auto draw_row = [&](std::size_t i) {
      return i == 0 ? std::move(first)
                    : drawers_.front().draw(
                          rows.subspan(i * vocabulary, vocabulary), *part->sequence, i);
    };
    draw(*part, draw_row, take);
  }
}

// Each part's first token, several at a time: the rows of a large batch take as long as a GPU's
// forward otherwise.
void BatchRunner::draw_first(std::span<SampledPart> sampled, std::size_t vocabulary) {
  const std::size_t worth = sampled.size() * vocabulary / kLogitsOfThread;
  const std::size_t threads = std::clamp<std::size_t>(worth, 1, drawers_.size());
  const auto draw_some = [&](std::size_t thread) {
    for (std::size_t i = thread; i < sampled.size(); i += threads) {
      auto& [part, rows, first] = sampled[i];
      first = drawers_[thread].draw(rows.first(vocabulary), *part->sequence, 0);
    }
  };
  std::vector<std::future<void>> others;
  for (std::size_t thread = 1; thread < threads; ++thread) {
    others.push_back(std::async(std::launch::async, draw_some, thread));
  }
  draw_some(0);
  for (auto& other : others) {
    other.get();
  }
}

}  // namespace hub::engine
