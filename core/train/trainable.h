#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/base/json.h"
#include "core/models/language_model.h"
#include "core/nn/lora.h"

namespace hub::train {

namespace mx = mlx::core;

// A model with trained values in place: what a forward needs.
struct PlacedModel {
  const models::LanguageModel* model;                    // the base, or `rebuilt`
  nn::LoraAdapter adapter;                               // without layers: none
  std::shared_ptr<const models::LanguageModel> rebuilt;  // keeps `model` alive
};

// What a training changes: a flat vector of arrays, as mx::value_and_grad wants it, and what they
// mean to the base. Belongs to the thread that owns MLX.
class Trainable {
 public:
  virtual ~Trainable() = default;

  std::vector<mx::array> parameters;
  float dropout = 0.0F;  // on the inputs of adapted modules

  // The tensors' names in the file of the result, in parameter order.
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
  // The model over `values`, which may be traced arrays. Without a key it has no dropout. `model`
  // is what this was made for.
  [[nodiscard]] virtual PlacedModel place(
      const models::LanguageModel& model,
      std::span<const mx::array> values,
      const std::optional<mx::array>& dropout_key) const = 0;
  // Writes adapters.safetensors and adapter_config.json as mlx-lm does, each atomically, into a
  // folder that is there; `extra` (an object) goes into the configuration. Throws kUnavailable when
  // the disk refuses.
  virtual void save(
      const std::filesystem::path& folder,
      const models::LanguageModel& model,
      const base::Json& extra) const = 0;

  // Number of trained values.
  [[nodiscard]] std::uint64_t size() const;
};

}  // namespace hub::train
