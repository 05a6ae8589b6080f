#include "core/engine/draft_model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/draft_match.h"
#include "core/engine/warm_up.h"
#include "core/models/attend.h"

namespace hub::engine {

namespace mx = mlx::core;

namespace {

mx::array indices(const std::vector<int>& values) {
  return mx::array(values.data(), {static_cast<int>(values.size())}, mx::int32);
}

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

// Tokens of one sequence that a forward computes, from where its cache ends.
struct DraftModel::Row {
  models::KvCache* cache;
  std::span<const int> tokens;
  bool samples;  // what comes after the last one is asked for
};

DraftModel::DraftModel(
    std::unique_ptr<models::LanguageModel> model,
    const models::LanguageModel& target,
    std::optional<double> cost_ratio)
    : model_(std::move(model)),
      target_vocabulary_(target.config().vocab_size),
      cost_ratio_(cost_ratio),
      size_ratio_(
          static_cast<double>(model_->weight_bytes()) /
          static_cast<double>(std::max<std::uint64_t>(1, target.weight_bytes()))) {}

int DraftModel::behind(const Sequence& sequence) {
  const int computed = sequence.draft_cache ? sequence.draft_cache->length() : 0;
  return static_cast<int>(sequence.tokens.size()) - computed;
}

StepCost DraftModel::cost(const StepCost& target_cost) const {
  if (!cost_ratio_ && cost_.is_known()) {
    return cost_.cost();
  }
  const double ratio = cost_ratio_.value_or(size_ratio_);
  return {.fixed = target_cost.fixed * ratio, .per_row = target_cost.per_row * ratio};
}

std::uint64_t DraftModel::kv_bytes_per_token() const {
  return models::kv_bytes_per_token(*model_);
}

// The likeliest next token of each row that samples, in their order.
std::vector<int> DraftModel::forward(std::span<const Row> rows) {
  const double begun = base::steady_seconds();
  std::vector<int> tokens;
  std::vector<int> sampled;
  std::vector<models::SequenceRows> sequences;
  sequences.reserve(rows.size());
  for (const Row& row : rows) {
    for (const int token : row.tokens) {
      // Models of one family pad the same vocabulary to different sizes. A token of the target's
      // padding is read as another one: a worse guess, nothing more.
      tokens.push_back(token < model_->config().vocab_size ? token : 0);
    }
    if (row.samples) {
      sampled.push_back(static_cast<int>(tokens.size()) - 1);
    }
    sequences.push_back({.cache = row.cache, .rows = static_cast<int>(row.tokens.size())});
  }
  const models::Attend attend = models::cached_attend(*model_, sequences);
  const mx::array hidden = model_->hidden(indices(tokens), attend, {});  // [rows, hidden]
  std::vector<mx::array> wanted;
  if (!sampled.empty()) {
    const mx::array ends = sampled.size() == tokens.size()
                               ? hidden
                               : mx::take(hidden, indices(sampled), 0);  // [S, hidden]
    wanted.push_back(mx::argmax(model_->logits(ends, {}), -1));          // [S]
  }
  for (const models::SequenceRows& sequence : sequences) {
    std::ranges::copy(sequence.cache->arrays(), std::back_inserter(wanted));
  }
  mx::eval(wanted);
  for (const models::SequenceRows& sequence : sequences) {
    sequence.cache->advance(sequence.rows);
  }
  cost_.add(static_cast<int>(tokens.size()), base::steady_seconds() - begun);
  if (sampled.empty()) {
    return {};
  }
  const auto* likeliest = wanted.front().data<std::uint32_t>();
  return {likeliest, likeliest + sampled.size()};
}

void DraftModel::draft(std::span<const DraftTask> tasks, int most_rows) {
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
    if (!sequence.draft_cache) {
      sequence.draft_cache.emplace(model_->config());
    }
    models::KvCache& cache = *sequence.draft_cache;
    // As much as the sequence's own: the budget counts both with that capacity.
    cache.reserve(sequence.capacity - cache.length());
    const auto begin = static_cast<std::size_t>(cache.length());
    rows.push_back(
        {.cache = &cache,
         .tokens = std::span(sequence.tokens).subspan(begin, static_cast<std::size_t>(count)),
         .samples = count == pending});
    if (count == pending) {
      growing.push_back({.task = &task, .grammar = std::nullopt});
      if (sequence.grammar) {
        growing.back().grammar.emplace(sequence.grammar->clone());
      }
    }
  }
  while (!rows.empty()) {
    const std::vector<int> likeliest = forward(rows);
    rows.clear();
    std::vector<Growing> longer;
    for (std::size_t i = 0; i < growing.size(); ++i) {
      if (growing[i].add(likeliest[i], target_vocabulary_)) {
        longer.push_back(std::move(growing[i]));
      }
    }
    growing = std::move(longer);
    for (const Growing& one : growing) {
      rows.push_back(
          {.cache = &*one.task->part->sequence->draft_cache,
           .tokens = std::span(one.draft()).last(1),
           .samples = true});
    }
  }
}

std::unique_ptr<DraftModel> load_draft_model(
    const std::filesystem::path& folder,
    const models::LanguageModel& target,
    const std::filesystem::path& target_folder) {
  const auto config = model_config::ModelConfig::load(folder);
  check_draft_fits(folder, config, target_folder, target.config());
  auto model = std::make_unique<DraftModel>(models::load_model(folder), target);
  const std::uint64_t token_bytes = model->kv_bytes_per_token();
  warm_up(model->model(), {.kv_budget_bytes = 1ULL << 30U, .kv_bytes_per_token = token_bytes}, {});
  return model;
}

}  // namespace hub::engine
