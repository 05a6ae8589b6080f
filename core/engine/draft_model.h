#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/draft_maker.h"
#include "core/models/language_model.h"

namespace hub::engine {

// A small model that says what a larger one with the same tokens may say next.
class DraftModel final : public DraftMaker {
 public:
  // `model` has no recurrent layers, whose state goes back within one step alone. `target`: what it
  // drafts for. `cost_ratio`: as of DraftMaker.
  DraftModel(
      std::unique_ptr<models::LanguageModel> model,
      const models::LanguageModel& target,
      std::optional<double> cost_ratio = std::nullopt);

  [[nodiscard]] int behind(const Sequence& sequence) const override;
  // As far as the context that it was made for.
  [[nodiscard]] int limit(const Sequence& sequence) const override;
  [[nodiscard]] DraftSource source() const override { return DraftSource::kModel; }
  [[nodiscard]] std::uint64_t kv_bytes_per_token() const override;

  [[nodiscard]] std::uint64_t weight_bytes() const { return model_->weight_bytes(); }
  [[nodiscard]] const models::LanguageModel& model() const { return *model_; }

 protected:
  std::vector<Guess> forward(std::span<const Row> rows) override;
  [[nodiscard]] const model_config::ModelConfig& cache_config() const override {
    return model_->config();
  }

 private:
  const std::unique_ptr<models::LanguageModel> model_;
};

// Loads the model in `folder` as the draft model of `target`, which lies in `target_folder`, and
// warms it. Throws kUnprocessable, with `draft_model` as the field, for a model with recurrent
// layers, an encoder, one whose tokens are not the target's (reason "draft_model_mismatch"), and
// what load_model() throws.
std::unique_ptr<DraftModel> load_draft_model(
    const std::filesystem::path& folder,
    const models::LanguageModel& target,
    const std::filesystem::path& target_folder);

}  // namespace hub::engine
