#include "core/engine/drafter.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/engine/prompt_lookup.h"
#include "core/obs/log.h"

namespace hub::engine {

namespace {

// What the draft maker has missed of a sequence must pay for itself within so many steps; where it
// is right more often than not, within as many more as the answer has tokens, since one that has
// gone on so long is as likely to go on as long again.
constexpr double kCatchUpSteps = 16.0;
constexpr double kTrusted = 0.5;
// Rows that it catches up with in a step, at least and at most; between them as many as take as
// long as the step itself.
constexpr int kFewestRows = 16;
constexpr int kMostRows = 256;

int catch_up_rows(double step_seconds, double per_row) {
  return step_seconds >= per_row * kMostRows
             ? kMostRows
             : std::max(kFewestRows, static_cast<int>(step_seconds / per_row));
}

// Tokens that there is room for: the last one that a step yields needs none in the cache.
int room(const Sequence& sequence) {
  const auto known = static_cast<int>(sequence.tokens.size());
  const int dropped = sequence.cache ? sequence.cache->dropped() : 0;
  return std::min(sequence.max_length - known - 1, sequence.capacity + dropped - known);
}

DraftRecord& record_of(Sequence& sequence) {
  switch (sequence.draft_source) {
    case DraftSource::kGrammar:
      return sequence.forced;
    case DraftSource::kModel:
    case DraftSource::kMtp:
      return sequence.modelled.value();
    case DraftSource::kText:
      break;
  }
  return sequence.looked_up;
}

// As much of the draft as the grammar lets come.
void keep_allowed(std::vector<int>& draft, const text::GrammarState& grammar) {
  text::GrammarState ahead = grammar.clone();
  std::size_t allowed = 0;
  try {
    while (allowed < draft.size()) {
      ahead.accept(draft[allowed]);
      ++allowed;
    }
  } catch (const base::Error&) {
    draft.resize(allowed);
  }
}

}  // namespace

// The whole draft that costs nothing to make, and sets where it came from.
std::vector<int> Drafter::find(Sequence& sequence) const {
  const int limit = std::min(longest_, room(sequence));
  if (limit < 1) {
    return {};
  }
  sequence.draft_source = DraftSource::kText;
  if (!sequence.grammar) {
    return look_up(sequence.tokens, sequence.hint, limit);
  }
  std::vector<int> draft = sequence.grammar->forced();
  if (draft.empty()) {
    draft = look_up(sequence.tokens, sequence.hint, limit);
  } else {
    draft.resize(std::min(draft.size(), static_cast<std::size_t>(limit)));
    sequence.draft_source = DraftSource::kGrammar;
  }
  keep_allowed(draft, *sequence.grammar);
  return draft;
}

// What the draft maker could make, none where there is no room for it.
DraftOffer Drafter::offer_of_maker(Sequence& sequence) const {
  const auto known = static_cast<int>(sequence.tokens.size());
  const int limit = std::min(
      {longest_,
       room(sequence),
       sequence.capacity - known,  // the cache that it has of the sequence does not roll
       maker_->limit(sequence)});
  if (limit < 1) {
    return {};
  }
  if (!sequence.modelled) {
    sequence.modelled.emplace(modelled_.rate());
  }
  const double answered = known - sequence.prompt_length;
  const double steps = kCatchUpSteps + (sequence.modelled->rate() < kTrusted ? 0.0 : answered);
  const double to_come = std::min(steps, sequence.max_length - known * 1.0);
  const double missed = maker_->behind(sequence) - 1;
  return {
      .tokens = limit,
      .rate = sequence.modelled->rate(),
      .by_model = true,
      .behind = missed / to_come};
}

void Drafter::give_up(std::span<const RunPart> parts, const std::exception& error) {
  obs::log::error("draft_model_failed", {{"error", std::string(error.what())}});
  maker_ = nullptr;
  for (const RunPart& part : parts) {
    part.sequence->forget_drafts();
  }
}

// Lets the draft maker see the step that ran. It reads what it would not see again where a draft
// for each of the step's sequences pays.
void Drafter::follow(std::span<const RunPart> parts) {
  const StepCost cost = cost_.cost();
  const auto rows = static_cast<int>(parts.size());
  const DraftOffer offer{.tokens = longest_, .rate = modelled_.rate(), .by_model = true};
  const auto pace = [&](const DraftOffer& of) {
    return best_pace(of, rows, cost, maker_->cost(cost));
  };
  try {
    maker_->follow(parts, pace(offer) > pace({}));
  } catch (const std::exception& error) {
    give_up(parts, error);
  }
}

// What to check of each part: of the drafts that are there what pays, and what the draft maker is
// to make.
std::vector<DraftTask> Drafter::choose(
    std::span<RunPart> parts, const StepCost& cost, const StepCost& maker_cost) const {
  const auto rows = static_cast<int>(parts.size());
  std::vector<DraftOffer> found(parts.size());
  std::vector<DraftOffer> offers(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Sequence& sequence = *parts[i].sequence;
    const std::vector<int>& draft = parts[i].draft = find(sequence);
    const double rate = draft.empty() ? 0.0 : record_of(sequence).rate();
    found[i] = offers[i] = {.tokens = static_cast<int>(draft.size()), .rate = rate};
    if (maker_ != nullptr) {
      const DraftOffer modelled = offer_of_maker(sequence);
      if (draft.empty() || best_pace(modelled, rows, cost, maker_cost) >
                               best_pace(found[i], rows, cost, maker_cost)) {
        offers[i] = modelled;
      }
    }
  }
  std::vector<int> lengths = draft_lengths(offers, rows, cost, maker_cost);
  bool differs = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (offers[i].by_model && lengths[i] == 0) {  // not enough of them to share its forwards
      differs = differs || found[i].tokens > 0;
      offers[i] = found[i];
    }
  }
  if (differs) {
    lengths = draft_lengths(offers, rows, cost, maker_cost);
  }
  std::vector<DraftTask> tasks;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!offers[i].by_model) {
      parts[i].draft.resize(static_cast<std::size_t>(lengths[i]));
      continue;
    }
    parts[i].draft.clear();
    if (lengths[i] > 0) {
      parts[i].sequence->draft_source = maker_->source();
      tasks.push_back({.part = &parts[i], .length = lengths[i]});
    }
  }
  return tasks;
}

void Drafter::draft(std::span<RunPart> parts) {
  if (longest_ == 0 || !std::ranges::all_of(parts, &RunPart::decodes)) {
    return;
  }
  const StepCost cost = cost_.cost();
  const StepCost maker_cost = maker_ != nullptr ? maker_->cost(cost) : StepCost{};
  const std::vector<DraftTask> tasks = choose(parts, cost, maker_cost);
  if (tasks.empty()) {
    return;
  }
  const double step_seconds = cost.fixed + cost.per_row * static_cast<double>(parts.size());
  try {
    maker_->draft(tasks, catch_up_rows(step_seconds, maker_cost.per_row));
  } catch (const std::exception& error) {
    for (const DraftTask& task : tasks) {
      task.part->draft.clear();
    }
    give_up(parts, error);
  }
}

void Drafter::learn(std::span<const RunPart> parts, double seconds) {
  if (maker_ != nullptr) {
    follow(parts);
  }
  if (!std::ranges::all_of(parts, &RunPart::decodes)) {
    return;
  }
  int rows = 0;
  bool asked = false;
  for (const RunPart& part : parts) {
    Sequence& sequence = *part.sequence;
    const auto drafted = static_cast<int>(part.draft.size());
    rows += part.rows + drafted;
    if (sequence.draft_cache) {  // what was drafted and did not come
      sequence.draft_cache->trim(static_cast<int>(sequence.tokens.size()) - 1);
    }
    if (part.draft.empty()) {
      sequence.looked_up.fade();
      sequence.forced.fade();
      if (sequence.modelled) {
        sequence.modelled->expect(modelled_.rate());
        sequence.modelled->fade();
      }
      continue;
    }
    record_of(sequence).add(drafted, part.accepted);
    if (sequence.draft_source == DraftSource::kModel ||
        sequence.draft_source == DraftSource::kMtp) {
      modelled_.add(drafted, part.accepted);
      asked = true;
    }
  }
  if (!asked) {
    modelled_.fade();
  }
  cost_.add(rows, seconds);
}

}  // namespace hub::engine
