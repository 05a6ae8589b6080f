#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/train/lora.h"
#include "core/train/trainable.h"

namespace hub::train {

// An adapter whose losses are no numbers in chosen batches, counted from 0.
class Poisoned final : public Trainable {
 public:
  Poisoned(TrainableAdapter adapter, std::function<bool(int)> is_bad)
      : adapter_(std::move(adapter)), is_bad_(std::move(is_bad)) {
    parameters = adapter_.parameters;
    dropout = adapter_.dropout;
  }
  [[nodiscard]] std::vector<std::string> names() const override { return adapter_.names(); }
  [[nodiscard]] PlacedModel place(
      const models::LanguageModel& model,
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key) const override {
    PlacedModel placed = adapter_.place(model, values, dropout_key);
    if (is_bad_(batches_++)) {
      placed.adapter.scale = std::numeric_limits<float>::quiet_NaN();
    }
    return placed;
  }
  void save(
      const std::filesystem::path& /*folder*/,
      const models::LanguageModel& /*model*/,
      const base::Json& /*extra*/) const override {}

 private:
  TrainableAdapter adapter_;
  std::function<bool(int)> is_bad_;
  mutable int batches_ = 0;
};

}  // namespace hub::train
