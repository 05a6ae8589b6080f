#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model_config/finetune_params.h"
#include "core/models/model_tensors.h"
#include "core/train/trainable.h"

namespace hub::train {

// A model's own weights in training: its parameters are arrays of the model, in name order.
class TrainableWeights final : public Trainable {
 public:
  TrainableWeights(
      std::shared_ptr<const models::ModelTensors> base,
      std::vector<std::string> names,
      int num_layers);

  [[nodiscard]] std::vector<std::string> names() const override { return names_; }
  [[nodiscard]] PlacedModel place(
      const models::LanguageModel& model,
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key) const override;
  void save(
      const std::filesystem::path& folder,
      const models::LanguageModel& model,
      const base::Json& extra) const override;

 private:
  std::shared_ptr<const models::ModelTensors> base_;
  std::vector<std::string> names_;
  int num_layers_;
};

// As mlx_lm/lora.py › train_model unfreezes: every array of the last `params.num_layers` layers
// (below 1: of all), norms and biases included. With `params.target_modules` only the modules that
// they name, relative to a layer or by their whole path ("model.embed_tokens", "model.norm").
// Throws kInvalidArgument naming the field when a name matches nothing, the model has fewer layers,
// or a chosen weight is packed.
TrainableWeights make_full_weights(
    std::shared_ptr<const models::ModelTensors> base, const model_config::FinetuneParams& params);

}  // namespace hub::train
