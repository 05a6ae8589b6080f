#include "core/model_config/layer_fields.h"

#include <algorithm>

#include <fmt/format.h>

namespace hub::model_config {

using LayerType = ModelConfig::LayerType;

void check_activation(
    Fields& fields, std::string_view key, std::initializer_list<std::string_view> known) {
  const auto activation = fields.text(key);
  if (activation && std::find(known.begin(), known.end(), *activation) == known.end()) {
    fields.complain(fmt::format("'{}' must be {}, got {}", key, *known.begin(), *activation));
  }
}

void check_silu(Fields& fields) {
  check_activation(fields, "hidden_act", {"silu", "swish"});
}

void read_layer_types(ModelConfig& config, Fields& fields) {
  fields.attempt([&] {
    const auto names = fields.reader().optional_strings("layer_types");
    if (!names) {
      return;
    }
    if (names->size() != static_cast<std::size_t>(config.num_hidden_layers)) {
      fields.complain(
          fmt::format(
              "'layer_types' has {} entries for {} layers",
              names->size(),
              config.num_hidden_layers));
      return;
    }
    std::vector<LayerType> types;
    for (const std::string& name : *names) {
      if (name != "full_attention" && name != "sliding_attention") {
        fields.complain(
            fmt::format(
                "'layer_types' holds '{}'; supported are: full_attention, sliding_attention",
                name));
        return;
      }
      types.push_back(name == "sliding_attention" ? LayerType::kSliding : LayerType::kFull);
    }
    if (std::count(types.begin(), types.end(), LayerType::kSliding) > 0) {
      config.layer_types = std::move(types);
    }
  });
}

void read_window(ModelConfig& config, Fields& fields) {
  if (config.layer_types.empty()) {
    return;
  }
  const auto window = fields.optional_int("sliding_window", 1, kMaxContext);
  config.sliding_window = window.value_or(config.sliding_window);
  if (config.sliding_window == 0) {
    fields.complain("'layer_types' holds sliding_attention, which needs 'sliding_window'");
  }
}

void set_all_layers(ModelConfig& config, LayerType type) {
  config.layer_types.assign(static_cast<std::size_t>(config.num_hidden_layers), type);
}

void set_layer_pattern(ModelConfig& config, int pattern) {
  set_all_layers(config, LayerType::kSliding);
  for (int layer = pattern - 1; layer < config.num_hidden_layers; layer += pattern) {
    config.layer_types[static_cast<std::size_t>(layer)] = LayerType::kFull;
  }
}

}  // namespace hub::model_config
