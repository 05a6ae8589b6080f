#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <mlx/ops.h>
#include <mlx/random.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/model_config/tensor_check.h"
#include "core/models/adaptable.h"
#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::test {

namespace mx = mlx::core;

// Factors on every linear of a model's layers, large enough to be seen.
inline nn::LoraAdapter random_adapter(const models::LanguageModel& model, float size = 0.05F) {
  nn::LoraAdapter adapter;
  adapter.scale = 2.0F;
  std::uint64_t seed = 100;
  for (const models::Adaptable& module : models::adaptables(model)) {
    if (!module.place().layer) {
      continue;
    }
    const auto random = [&seed, size](const mx::Shape& shape) {
      return mx::random::normal(shape, mx::float32, 0.0F, size, mx::random::key(seed++));
    };
    adapter.layers.insert(
        {module.path(), nn::LoraWeights{random(module.a_shape(4)), random(module.b_shape(4))}});
  }
  return adapter;
}

inline const std::vector<int> kText{1, 5, 9, 33, 71, 12, 90, 44, 3, 17};

inline mx::array logits_with(
    const models::LanguageModel& model,
    const nn::LoraAdapter& adapter,
    const std::vector<int>& text = kText) {
  const std::vector<nn::AdapterSpan> spans{{&adapter, 0, static_cast<int>(text.size())}};
  return models::forward(model, text, spans);
}

inline base::Json config_of(const std::filesystem::path& folder) {
  return base::Json::parse(base::read_file(folder / "config.json"));
}

inline float largest_difference(const mx::array& left, const mx::array& right) {
  return mx::max(mx::abs(mx::subtract(left, right))).item<float>();
}

}  // namespace hub::test
