#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/finetune_params.h"
#include "core/models/adaptable.h"
#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "core/train/trainable.h"

namespace hub::train {

// An adapter in training: its parameters are a0 [in, rank], b0 [rank, out], with DoRA m0 [rows],
// then a1, b1, … in path order. Refers to the model.
class TrainableAdapter final : public Trainable {
 public:
  // A module that is adapted.
  struct Module {
    models::Adaptable base;
    std::optional<mx::array> row_norms;  // of the base's weight; DoRA only
  };
  std::vector<Module> modules;  // sorted by path
  int rank = 8;
  float scale = 20.0F;
  bool dora = false;

  // The adapter over `values`, which may be traced arrays. Without a key it has no dropout. With
  // DoRA the norms of the adapted weight follow the values, but no gradient goes through them
  // (arXiv:2402.09353 section 4.3).
  [[nodiscard]] nn::LoraAdapter bind(
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key = std::nullopt) const;
  // The adapter over the current parameters, without dropout.
  [[nodiscard]] nn::LoraAdapter adapter() const { return bind(parameters); }

  // "<path>.lora_a", "<path>.lora_b" and with DoRA "<path>.m", in parameter order.
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
// and with method "dora" m = the norms of the weight's rows (dora.py); float32; equal for equal
// seeds. targets.h says which modules it adapts. Throws kInvalidArgument naming the field when a
// name matches nothing or the model has fewer layers.
TrainableAdapter make_adapter(
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params,
    std::uint64_t seed);

// Training goes on from `start`, an adapter of `model`: its kind, modules, rank and scale hold;
// dropout is the params'.
TrainableAdapter continue_adapter(
    const nn::LoraAdapter& start,
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params);

}  // namespace hub::train
