#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/finetune_params.h"
#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "core/train/trainable.h"

namespace hub::train {

namespace mx = mlx::core;

// An adapter in training: its parameters are a0 [in, rank], b0 [rank, out], a1, b1, … in path
// order.
class TrainableAdapter final : public Trainable {
 public:
  std::vector<std::string> paths;  // adapted linears, sorted by name
  int rank = 8;
  float scale = 20.0F;

  // The adapter over `values`, which may be traced arrays. Without a key it has no dropout.
  [[nodiscard]] nn::LoraAdapter bind(
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key = std::nullopt) const;
  // The adapter over the current parameters, without dropout.
  [[nodiscard]] nn::LoraAdapter adapter() const { return bind(parameters); }

  // "<path>.lora_a", "<path>.lora_b", in parameter order.
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] PlacedModel place(
      const models::LanguageModel& model,
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key) const override;
  void save(
      const std::filesystem::path& folder,
      const models::LanguageModel& model,
      const base::Json& extra) const override;
};

// A fresh adapter as mlx_lm/tuner/lora.py initialises it: A ~ U(-1/sqrt(in), 1/sqrt(in)), B = 0,
// float32; equal for equal seeds. It adapts the linears of the last `params.num_layers` layers
// (below 1: of all) that `params.target_modules` names relative to their layer
// ("self_attn.q_proj", or its last part, "q_proj"); absent: all. Throws kInvalidArgument naming the
// field when a name matches nothing or the model has fewer layers.
TrainableAdapter make_adapter(
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params,
    std::uint64_t seed);

// Training goes on from `start`: its layers, rank and scale hold; dropout is the params'.
TrainableAdapter continue_adapter(
    const nn::LoraAdapter& start, const model_config::FinetuneParams& params);

}  // namespace hub::train
