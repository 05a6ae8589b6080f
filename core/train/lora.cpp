#include "core/train/lora.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/targets.h"

namespace hub::train {
namespace {

using Modules = std::map<std::string, models::Adaptable>;  // by path

TrainableAdapter::Module module_of(const models::Adaptable& base, bool dora) {
  if (!dora) {
    return {base, std::nullopt};
  }
  if (!base.takes_magnitudes()) {
    throw hub::base::Error(
        hub::base::ErrorCode::kInvalidArgument,
        fmt::format(
            "method dora cannot train {}, which has experts: use method lora, or name other "
            "target_modules",
            base.path()),
        "params.method");
  }
  mx::array norms = base.row_norms();
  norms.eval();
  return {base, norms};
}

Modules choose_modules(
    const models::LanguageModel& model, const model_config::FinetuneParams& params) {
  Targets targets(params, model.config().num_hidden_layers);
  Modules chosen;
  for (const models::Adaptable& module : models::adaptables(model)) {
    const models::LayerPath place = module.place();
    if (targets.mean(module.path(), place.layer, place.relative)) {
      chosen.emplace(module.path(), module);
    }
  }
  targets.check();
  return chosen;
}

}  // namespace

nn::LoraAdapter TrainableAdapter::bind(
    std::span<const mx::array> values, const std::optional<mx::array>& dropout_key) const {
  nn::LoraAdapter adapter;
  adapter.scale = scale;
  if (dropout_key && dropout > 0.0F) {
    adapter.dropout = dropout;
    adapter.dropout_key = dropout_key;
  }
  const std::size_t width = dora ? 3 : 2;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const auto own = values.subspan(width * i, width);
    const Module& module = modules[i];
    nn::LoraWeights weights{own[0], own[1]};
    if (dora) {
      const nn::LoraWeights constant{mx::stop_gradient(own[0]), mx::stop_gradient(own[1])};
      const mx::array norms = module.base.adapted_norms(constant, scale, *module.row_norms);
      weights.dora = nn::Magnitudes{own[2], own[2] / norms};
    }
    adapter.layers.emplace(module.base.path(), std::move(weights));
  }
  return adapter;
}

std::vector<std::string> TrainableAdapter::names() const {
  std::vector<std::string> result;
  for (const Module& module : modules) {
    result.push_back(module.base.path() + ".lora_a");
    result.push_back(module.base.path() + ".lora_b");
    if (dora) {
      result.push_back(module.base.path() + ".m");
    }
  }
  return result;
}

PlacedModel TrainableAdapter::place(
    const models::LanguageModel& model,
    std::span<const mx::array> values,
    const std::optional<mx::array>& dropout_key) const {
  return {&model, bind(values, dropout_key), nullptr};
}

void TrainableAdapter::save(
    const std::filesystem::path& folder,
    const models::LanguageModel& model,
    const base::Json& extra) const {
  nn::LoraAdapter finished = adapter();
  finished.dropout = dropout;  // recorded, not applied: there is no key
  models::save_adapter(folder, finished, model, extra);
}

TrainableAdapter make_adapter(
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params,
    std::uint64_t seed) {
  TrainableAdapter result;
  result.rank = params.rank;
  result.scale = static_cast<float>(params.scale);
  result.dropout = static_cast<float>(params.dropout);
  result.dora = params.method == "dora";
  mx::array key = mx::random::key(seed);
  for (const auto& [path, base] : choose_modules(model, params)) {
    const auto [next, own] = mx::random::split(key);
    key = next;
    result.modules.push_back(module_of(base, result.dora));
    const float bound = 1.0F / std::sqrt(static_cast<float>(base.in()));
    result.parameters.push_back(
        mx::random::uniform(
            mx::array(-bound), mx::array(bound), base.a_shape(params.rank), mx::float32, own));
    result.parameters.push_back(mx::zeros(base.b_shape(params.rank), mx::float32));
    if (result.dora) {
      result.parameters.push_back(*result.modules.back().row_norms);
    }
  }
  mx::eval(result.parameters);
  return result;
}

TrainableAdapter continue_adapter(
    const nn::LoraAdapter& start,
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params) {
  TrainableAdapter result;
  result.scale = start.scale;
  result.dropout = static_cast<float>(params.dropout);
  Modules modules;
  for (const models::Adaptable& module : models::adaptables(model)) {
    if (start.layers.contains(module.path())) {
      modules.emplace(module.path(), module);
    }
  }
  if (modules.size() != start.layers.size()) {
    throw base::Error(
        base::ErrorCode::kInternal, "the adapter to go on from has modules that the model has not");
  }
  for (const auto& [path, base] : modules) {
    const nn::LoraWeights& weights = start.layers.at(path);
    result.rank = weights.a.shape(1);
    result.dora = weights.dora.has_value();
    result.modules.push_back(module_of(base, result.dora));
    result.parameters.push_back(tensor::astype(weights.a, mx::float32));
    result.parameters.push_back(tensor::astype(weights.b, mx::float32));
    if (weights.dora) {
      result.parameters.push_back(tensor::astype(weights.dora->m, mx::float32));
    }
  }
  mx::eval(result.parameters);
  return result;
}

}  // namespace hub::train
