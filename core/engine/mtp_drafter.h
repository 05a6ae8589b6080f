#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/engine/draft_maker.h"
#include "core/models/language_model.h"
#include "core/models/mtp_head.h"

namespace hub::engine {

// Drafts by the model's own head for further tokens (models/mtp_head.h). A row of its cache is of a
// token and the model's hidden state of the one before, which is there only when a step has
// computed it: follow() keeps the last kMostUnread of a sequence. Where there are more it reads
// all but the last, if that seems worth it, or else forgets the oldest: then the head sees the text
// from there on. So it does
// where the beginning of a prompt was cached.
class MtpDrafter final : public DraftMaker {
 public:
  // Hidden states of a sequence that wait for a draft.
  static constexpr int kMostUnread = 64;

  // `model` has a head, and outlives it. `cost_ratio`: as of DraftMaker.
  explicit MtpDrafter(
      const models::LanguageModel& model, std::optional<double> cost_ratio = std::nullopt);

  [[nodiscard]] int behind(const Sequence& sequence) const override {
    return sequence.draft_hidden.size();
  }
  // 0 while no hidden state is there.
  [[nodiscard]] int limit(const Sequence& sequence) const override;
  [[nodiscard]] DraftSource source() const override { return DraftSource::kMtp; }
  [[nodiscard]] std::uint64_t kv_bytes_per_token() const override;
  [[nodiscard]] bool wants_hidden() const override { return true; }
  void follow(std::span<const RunPart> parts, bool reads) override;

 protected:
  std::vector<Guess> forward(std::span<const Row> rows) override;
  [[nodiscard]] const model_config::ModelConfig& cache_config() const override {
    return head_.config();
  }
  // Forgets the rows of guesses: those that came get rows of the model's own hidden states.
  void settle(Sequence& sequence) const override;

 private:
  const models::LanguageModel& model_;
  const models::MtpHead& head_;
};

}  // namespace hub::engine
