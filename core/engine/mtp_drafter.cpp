#include "core/engine/mtp_drafter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mlx/ops.h>

#include "core/model_config/memory_estimate.h"
#include "core/models/attend.h"

namespace hub::engine {

namespace mx = mlx::core;

namespace {

// The head's own weights and those that make logits, of all that a step reads.
double size_ratio(const models::LanguageModel& model) {
  const std::uint64_t logits = model.output_head() != nullptr ? model.output_head()->nbytes()
                                                              : model.embedding()->head_nbytes();
  const std::uint64_t own = model.mtp_head()->weight_bytes();
  return static_cast<double>(own + logits) /
         static_cast<double>(std::max<std::uint64_t>(1, model.weight_bytes() - own));
}

}  // namespace

MtpDrafter::MtpDrafter(const models::LanguageModel& model, std::optional<double> cost_ratio)
    : DraftMaker(model.config().vocab_size, size_ratio(model), cost_ratio),
      model_(model),
      head_(*model.mtp_head()) {}

int MtpDrafter::limit(const Sequence& sequence) const {
  return behind(sequence) == 0
             ? 0
             : model_.config().max_position_embeddings - static_cast<int>(sequence.tokens.size());
}

std::uint64_t MtpDrafter::kv_bytes_per_token() const {
  // Elements of the type in which the model's own attention computes.
  const std::uint64_t element =
      models::kv_bytes_per_token(model_) / model_config::kv_bytes_per_token(model_.config(), 1);
  return model_config::kv_bytes_per_token(head_.config(), static_cast<int>(element));
}

void MtpDrafter::follow(std::span<const RunPart> parts, bool reads) {
  std::vector<Row> rows;
  for (const RunPart& part : parts) {
    Sequence& sequence = *part.sequence;
    if (!part.hidden || !sequence.cache) {  // it has ended
      continue;
    }
    sequence.draft_hidden.add(*part.hidden);
    const int unread = sequence.draft_hidden.size();
    if (unread <= kMostUnread) {
      continue;
    }
    // Its cache does not roll where the sequence's does.
    if (reads && sequence.draft_read + unread <= sequence.capacity) {
      const auto next = static_cast<std::size_t>(sequence.cache->length() + 1 - unread);
      rows.push_back(
          {.sequence = &sequence,
           .tokens = std::span(sequence.tokens).subspan(next, static_cast<std::size_t>(unread - 1)),
           .samples = false});
    } else {
      static_cast<void>(sequence.draft_hidden.take(unread - kMostUnread));
      sequence.draft_cache.reset();
      sequence.draft_read = 0;
    }
  }
  if (!rows.empty()) {
    static_cast<void>(run(rows));
  }
}

std::vector<DraftMaker::Guess> MtpDrafter::forward(std::span<const Row> rows) {
  std::vector<int> tokens;
  std::vector<mx::array> hidden;
  std::vector<int> sampled;
  std::vector<models::SequenceRows> sequences;
  sequences.reserve(rows.size());
  for (const Row& row : rows) {
    const auto count = static_cast<int>(row.tokens.size());
    std::ranges::copy(row.tokens, std::back_inserter(tokens));
    if (row.hidden) {
      hidden.push_back(*row.hidden);
    } else {
      hidden.push_back(row.sequence->draft_hidden.take(count));
      row.sequence->draft_read += count;
    }
    if (row.samples) {
      sampled.push_back(static_cast<int>(tokens.size()) - 1);
    }
    sequences.push_back({.cache = &*row.sequence->draft_cache, .rows = count});
  }
  const models::Attend attend = models::cached_attend(head_.attention(), sequences);
  const mx::array out = head_(
      (*model_.embedding())(row_indices(tokens)),
      mx::concatenate(hidden, 0),
      attend);  // [rows, hidden]
  std::vector<mx::array> wanted;
  if (!sampled.empty()) {
    const mx::array ends = mx::take(out, row_indices(sampled), 0);  // [S, hidden]
    wanted.push_back(mx::argmax(model_.logits(ends, {}), -1));      // [S]
    wanted.push_back(ends);
  }
  finish(sequences, wanted);
  std::vector<Guess> guesses;
  guesses.reserve(sampled.size());
  for (int i = 0; i < static_cast<int>(sampled.size()); ++i) {
    guesses.push_back(
        {.token = static_cast<int>(wanted[0].data<std::uint32_t>()[i]),
         .hidden = nn::rows_of(wanted[1], {i, i + 1})});
  }
  return guesses;
}

void MtpDrafter::settle(Sequence& sequence) const {
  if (sequence.draft_cache) {
    sequence.draft_cache->trim(sequence.draft_read);
  }
}

}  // namespace hub::engine
