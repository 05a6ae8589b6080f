#include "core/train/full_weights.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/models/adaptable.h"
#include "core/train/targets.h"

namespace hub::train {
namespace {

std::string module_of(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind('.'));
}

void need_dense(const models::ModelTensors& base, const std::string& name) {
  const std::string module = module_of(name);
  if (base.arrays.contains(module + ".scales")) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "method full trains dense weights, but {} is packed: use method lora or dora, or an "
            "unquantized model",
            module),
        "params.method");
  }
}

}  // namespace

TrainableWeights::TrainableWeights(
    std::shared_ptr<const models::ModelTensors> base,
    std::vector<std::string> names,
    int num_layers)
    : base_(std::move(base)), names_(std::move(names)), num_layers_(num_layers) {
  for (const std::string& name : names_) {
    parameters.push_back(base_->arrays.at(name));
  }
}

PlacedModel TrainableWeights::place(
    const models::LanguageModel& /*model*/,
    std::span<const mx::array> values,
    const std::optional<mx::array>& /*dropout_key*/) const {
  models::ModelTensors tensors = *base_;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    tensors.arrays.insert_or_assign(names_[i], values[i]);
  }
  std::shared_ptr<const models::LanguageModel> rebuilt = models::make_model(tensors);
  const auto* model = rebuilt.get();
  return {model, {}, std::move(rebuilt)};
}

void TrainableWeights::save(
    const std::filesystem::path& folder,
    const models::LanguageModel& /*model*/,
    const base::Json& extra) const {
  std::unordered_map<std::string, mx::array> tensors;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    tensors.insert({names_[i], parameters[i]});
  }
  models::save_full_weights(folder, tensors, num_layers_, extra);
}

TrainableWeights make_full_weights(
    std::shared_ptr<const models::ModelTensors> base, const model_config::FinetuneParams& params) {
  const int layers = base->config.num_hidden_layers;
  Targets targets(params, layers);
  std::vector<std::string> names;
  for (const auto& [name, array] : base->arrays) {
    std::string module = module_of(name);
    models::LayerPath place = models::split_path(module);
    if (const models::LayerPath own = models::split_path(name); own.layer && !place.layer) {
      module = name;  // a tensor of the layer itself
      place = own;
    }
    if (targets.mean(module, place.layer, place.relative)) {
      need_dense(*base, name);
      names.push_back(name);
    }
  }
  targets.check();
  std::sort(names.begin(), names.end());
  return {std::move(base), std::move(names), params.num_layers < 1 ? layers : params.num_layers};
}

}  // namespace hub::train
