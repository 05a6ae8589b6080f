#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <mlx/ops.h>
#include <mlx/random.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/model_config/tensor_check.h"
#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::test {

namespace mx = mlx::core;

// Factors on every linear of a model, large enough to be seen.
inline nn::LoraAdapter random_adapter(const models::LanguageModel& model, float size = 0.05F) {
  nn::LoraAdapter adapter;
  adapter.scale = 2.0F;
  std::uint64_t seed = 100;
  for (const nn::Linear* linear : model.linears()) {
    const auto random = [&seed, size](int rows, int columns) {
      return mx::random::normal({rows, columns}, mx::float32, 0.0F, size, mx::random::key(seed++));
    };
    adapter.layers.insert(
        {linear->path(),
         nn::LoraWeights{random(linear->in_features(), 4), random(4, linear->out_features())}});
  }
  return adapter;
}

inline const std::vector<int> kText{1, 5, 9, 33, 71, 12, 90, 44, 3, 17};

inline mx::array logits_with(const models::LanguageModel& model, const nn::LoraAdapter& adapter) {
  const std::vector<nn::AdapterSpan> spans{{&adapter, 0, static_cast<int>(kText.size())}};
  return models::forward(model, kText, spans);
}

inline base::Json config_of(const std::filesystem::path& folder) {
  return base::Json::parse(base::read_file(folder / "config.json"));
}

inline float largest_difference(const mx::array& left, const mx::array& right) {
  return mx::max(mx::abs(mx::subtract(left, right))).item<float>();
}

}  // namespace hub::test
