#include "core/engine/draft_maker.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace hub::engine {

namespace mx = mlx::core;

namespace {

// A draft while it is made.
struct Growing {
  const DraftTask* task;
  std::optional<text::GrammarState> grammar;  // how far it has come with the draft

  [[nodiscard]] std::vector<int>& draft() const { return task->part->draft; }

  // Whether another token may follow `token`, which the draft then has unless it cannot come.
  bool add(int token, int vocabulary) {
    if (token >= vocabulary) {
      return false;
    }
    if (grammar) {
      try {
        grammar->accept(token);
      } catch (const base::Error&) {
        return false;
      }
    }
    draft().push_back(token);
    const Sequence& sequence = *task->part->sequence;
    return static_cast<int>(draft().size()) < task->length &&
           std::ranges::find(sequence.stop_ids, token) == sequence.stop_ids.end();
  }
};

}  // namespace

StepCost DraftMaker::cost(const StepCost& target_cost) const {
  if (!cost_ratio_ && cost_.is_known()) {
    return cost_.cost();
  }
  const double ratio = cost_ratio_.value_or(size_ratio_);
  return {.fixed = target_cost.fixed * ratio, .per_row = target_cost.per_row * ratio};
}

std::vector<DraftMaker::Guess> DraftMaker::run(std::span<const Row> rows) {
  const double begun = base::steady_seconds();
  int count = 0;
  for (const Row& row : rows) {
    count += static_cast<int>(row.tokens.size());
    auto& cache = row.sequence->draft_cache;
    if (!cache) {
      cache.emplace(cache_config());
    }
    // As much as the sequence's own: the budget counts both with that capacity.
    cache->reserve(
        std::max(static_cast<int>(row.tokens.size()), row.sequence->capacity - cache->length()));
  }
  std::vector<Guess> guesses = forward(rows);
  cost_.add(count, base::steady_seconds() - begun);
  return guesses;
}

void DraftMaker::finish(
    std::span<const models::SequenceRows> sequences, std::vector<mx::array>& wanted) {
  for (const models::SequenceRows& sequence : sequences) {
    std::ranges::copy(sequence.cache->arrays(), std::back_inserter(wanted));
  }
  mx::eval(wanted);
  for (const models::SequenceRows& sequence : sequences) {
    sequence.cache->advance(sequence.rows);
  }
}

void DraftMaker::draft(std::span<const DraftTask> tasks, int most_rows) {
  std::vector<Row> rows;
  std::vector<Growing> growing;  // of the rows that sample, in their order
  int left = most_rows;
  for (const DraftTask& task : tasks) {
    Sequence& sequence = *task.part->sequence;
    const int pending = behind(sequence);
    const int count = pending == 1 ? 1 : std::min(pending, left);
    if (count == 0) {
      continue;
    }
    left -= pending == 1 ? 0 : count;
    rows.push_back(
        {.sequence = &sequence,
         .tokens = std::span(sequence.tokens)
                       .last(static_cast<std::size_t>(pending))
                       .first(static_cast<std::size_t>(count)),
         .samples = count == pending});
    if (count == pending) {
      growing.push_back({.task = &task, .grammar = std::nullopt});
      if (sequence.grammar) {
        growing.back().grammar.emplace(sequence.grammar->clone());
      }
    }
  }
  while (!rows.empty()) {
    std::vector<Guess> guesses = run(rows);
    rows.clear();
    std::vector<Growing> longer;
    for (std::size_t i = 0; i < growing.size(); ++i) {
      if (growing[i].add(guesses[i].token, target_vocabulary_)) {
        const RunPart& part = *growing[i].task->part;
        rows.push_back(
            {.sequence = part.sequence,
             .tokens = std::span(part.draft).last(1),
             .samples = true,
             .hidden = std::move(guesses[i].hidden)});
        longer.push_back(std::move(growing[i]));
      }
    }
    growing = std::move(longer);
  }
  for (const DraftTask& task : tasks) {
    settle(*task.part->sequence);
  }
}

}  // namespace hub::engine
