#include "core/engine/draft_model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/engine/draft_match.h"
#include "core/engine/warm_up.h"
#include "core/models/attend.h"

namespace hub::engine {

namespace mx = mlx::core;

namespace {

double size_ratio(const models::LanguageModel& model, const models::LanguageModel& target) {
  return static_cast<double>(model.weight_bytes()) /
         static_cast<double>(std::max<std::uint64_t>(1, target.weight_bytes()));
}

}  // namespace

DraftModel::DraftModel(
    std::unique_ptr<models::LanguageModel> model,
    const models::LanguageModel& target,
    std::optional<double> cost_ratio)
    : DraftMaker(target.config().vocab_size, size_ratio(*model, target), cost_ratio),
      model_(std::move(model)) {}

int DraftModel::behind(const Sequence& sequence) const {
  const int computed = sequence.draft_cache ? sequence.draft_cache->length() : 0;
  return static_cast<int>(sequence.tokens.size()) - computed;
}

int DraftModel::limit(const Sequence& sequence) const {
  return model_->config().max_position_embeddings - static_cast<int>(sequence.tokens.size());
}

std::uint64_t DraftModel::kv_bytes_per_token() const {
  return models::kv_bytes_per_token(*model_);
}

std::vector<DraftMaker::Guess> DraftModel::forward(std::span<const Row> rows) {
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
    sequences.push_back(
        {.cache = &*row.sequence->draft_cache, .rows = static_cast<int>(row.tokens.size())});
  }
  const models::Attend attend = models::cached_attend(*model_, sequences);
  const mx::array hidden = model_->hidden(row_indices(tokens), attend, {});  // [rows, hidden]
  std::vector<mx::array> wanted;
  if (!sampled.empty()) {
    const mx::array ends = sampled.size() == tokens.size()
                               ? hidden
                               : mx::take(hidden, row_indices(sampled), 0);  // [S, hidden]
    wanted.push_back(mx::argmax(model_->logits(ends, {}), -1));              // [S]
  }
  finish(sequences, wanted);
  std::vector<Guess> guesses;
  guesses.reserve(sampled.size());
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    guesses.push_back({.token = static_cast<int>(wanted.front().data<std::uint32_t>()[i])});
  }
  return guesses;
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
