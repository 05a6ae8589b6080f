#include "core/model_config/family_config.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/model_config/encoder_config.h"
#include "core/model_config/gemma_config.h"
#include "core/model_config/layer_fields.h"
#include "core/model_config/qwen3_5_config.h"

namespace hub::model_config {
namespace {

using LayerType = ModelConfig::LayerType;

void no_defaults(ModelConfig& /*config*/) {}

// Families whose layers all slide, as soon as config.json says how far.
void read_window_of_all(ModelConfig& config, Fields& fields) {
  read_layer_types(config, fields);
  const auto window = fields.optional_int("sliding_window", 1, kMaxContext);
  if (!fields.reader().has("layer_types") && window && *window < config.max_position_embeddings) {
    set_all_layers(config, LayerType::kSliding);
  }
  read_window(config, fields);
}

// As transformers: with `use_sliding_window` the layers from `max_window_layers` on slide.
void read_window_of_last(ModelConfig& config, Fields& fields) {
  const bool slides = fields.flag("use_sliding_window", false);
  const auto first = fields.optional_int("max_window_layers", 0, kMaxLayers);
  if (!slides) {
    return;
  }
  read_layer_types(config, fields);
  if (!fields.reader().has("layer_types") && first.value_or(28) < config.num_hidden_layers) {
    set_all_layers(config, LayerType::kFull);
    std::fill(
        config.layer_types.begin() + first.value_or(28),
        config.layer_types.end(),
        LayerType::kSliding);
  }
  read_window(config, fields);
}

void read_biases(ModelConfig& config, Fields& fields) {
  config.attention_bias = fields.flag("attention_bias", config.attention_bias);
  config.attention_output_bias = config.attention_bias;
  config.mlp_bias = fields.flag("mlp_bias", config.mlp_bias);
}

// mlx_lm/models/llama.py. A window without `layer_types` is none of the family's, but of configs
// that were copied from Mistral's: full attention equals windowed attention as long as everything
// fits into the window, so it shortens the context instead of changing the arithmetic.
void read_llama(ModelConfig& config, Fields& fields) {
  read_biases(config, fields);
  check_silu(fields);
  read_layer_types(config, fields);
  read_window(config, fields);
  if (config.layer_types.empty() && fields.flag("use_sliding_window", true)) {
    const auto window = fields.optional_int("sliding_window", 1, kMaxContext);
    config.max_position_embeddings =
        std::min(config.max_position_embeddings, window.value_or(kMaxContext));
  }
}

// mlx_lm/models/llama.py, with the window that transformers gives every layer of Mistral.
void read_mistral(ModelConfig& config, Fields& fields) {
  read_biases(config, fields);
  check_silu(fields);
  read_window_of_all(config, fields);
}

// mlx_lm/models/smollm3.py
void read_smollm3(ModelConfig& config, Fields& fields) {
  read_llama(config, fields);
  const int interval = fields.optional_int("no_rope_layer_interval", 1, kMaxLayers).value_or(4);
  fields.attempt([&] {
    const base::Json* list = fields.reader().optional_array("no_rope_layers");
    for (int layer = 0; list == nullptr && layer < config.num_hidden_layers; ++layer) {
      if ((layer + 1) % interval == 0) {
        config.no_rope_layers.insert(layer);
      }
    }
    if (list == nullptr) {
      return;
    }
    if (list->size() != static_cast<std::size_t>(config.num_hidden_layers)) {
      fields.complain(
          fmt::format(
              "'no_rope_layers' has {} entries for {} layers",
              list->size(),
              config.num_hidden_layers));
      return;
    }
    // 1: the layer has a rotary embedding, in spite of the name.
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
      const base::Json& entry = list->at(static_cast<std::size_t>(layer));
      if (entry != 0 && entry != 1) {
        fields.complain(fmt::format("'no_rope_layers' must hold 0 and 1, got {}", entry.dump()));
        return;
      }
      if (entry == 0) {
        config.no_rope_layers.insert(layer);
      }
    }
  });
}

// mlx_lm/models/qwen2.py
void set_qwen2_defaults(ModelConfig& config) {
  config.max_position_embeddings = 32768;
  config.rope_theta = 1e6F;
  config.attention_bias = true;
}

void read_qwen2(ModelConfig& config, Fields& fields) {
  check_silu(fields);
  read_window_of_last(config, fields);
}

// mlx_lm/models/qwen3.py, with the biases that transformers allows.
void set_qwen3_defaults(ModelConfig& config) {
  config.rope_theta = 1e6F;
  config.qk_norm = true;
}

void read_qwen3(ModelConfig& config, Fields& fields) {
  read_biases(config, fields);
  check_silu(fields);
  read_window_of_last(config, fields);
}

// mlx_lm/models/phi3.py, with the window that transformers gives every layer.
void set_phi3_defaults(ModelConfig& config) {
  config.max_position_embeddings = 131072;
  config.tie_word_embeddings = false;
}

void read_phi3(ModelConfig& config, Fields& fields) {
  check_silu(fields);
  if (fields.flag("attention_bias", false)) {
    fields.complain("'attention_bias' must be false");
  }
  read_window_of_all(config, fields);
}

// How many experts, of what width, and in which layers.
void read_experts(
    ModelConfig& config, Fields& fields, std::string_view count, std::string_view width) {
  ModelConfig::Experts experts;
  experts.count = fields.required_int(count, 1, kMaxWidth);
  experts.per_token = fields.required_int("num_experts_per_tok", 1, kMaxWidth);
  experts.intermediate_size = fields.required_int(width, 1, kMaxWidth);
  experts.norm_topk_prob = fields.flag("norm_topk_prob", false);
  if (experts.per_token > experts.count) {
    fields.complain(
        fmt::format(
            "'num_experts_per_tok' is {}, but there are {} experts",
            experts.per_token,
            experts.count));
  }
  const int step = fields.optional_int("decoder_sparse_step", 1, kMaxLayers).value_or(1);
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    if ((layer + 1) % step != 0) {
      experts.dense_layers.insert(layer);
    }
  }
  fields.attempt([&] {
    const base::Json* dense = fields.reader().optional_array("mlp_only_layers");
    for (const base::Json& layer : dense == nullptr ? base::Json::array() : *dense) {
      if (!layer.is_number_integer() || layer < 0 || layer >= config.num_hidden_layers) {
        fields.complain(
            fmt::format(
                "'mlp_only_layers' must hold layers from 0 to {}, got {}",
                config.num_hidden_layers - 1,
                layer.dump()));
        return;
      }
      experts.dense_layers.insert(layer.get<int>());
    }
  });
  config.experts = experts;
}

// mlx_lm/models/qwen3_moe.py
void read_qwen3_moe(ModelConfig& config, Fields& fields) {
  read_qwen3(config, fields);
  read_experts(config, fields, "num_experts", "moe_intermediate_size");
}

// mlx_lm/models/gpt_oss.py
void set_gpt_oss_defaults(ModelConfig& config) {
  config.head_dim = 64;
  config.max_position_embeddings = 131072;
  config.rope_theta = 150000.0F;
  config.sliding_window = 128;
  config.tie_word_embeddings = false;
  config.attention_bias = true;
  config.attention_output_bias = true;
  config.attention_sinks = true;
}

void read_gpt_oss(ModelConfig& config, Fields& fields) {
  check_silu(fields);
  if (fields.number("swiglu_limit", 0.0, 1e6, 7.0F) != 7.0F) {
    fields.complain("'swiglu_limit' must be 7");
  }
  read_experts(config, fields, "num_local_experts", "intermediate_size");
  read_layer_types(config, fields);
  if (!fields.reader().has("layer_types")) {
    set_all_layers(config, LayerType::kSliding);
    for (std::size_t layer = 1; layer < config.layer_types.size(); layer += 2) {
      config.layer_types[layer] = LayerType::kFull;
    }
  }
  read_window(config, fields);
}

constexpr std::array kFamilies{
    FamilyConfig{"llama", no_defaults, read_llama},
    FamilyConfig{"mistral", no_defaults, read_mistral},
    FamilyConfig{"smollm3", no_defaults, read_smollm3},
    FamilyConfig{"qwen2", set_qwen2_defaults, read_qwen2},
    FamilyConfig{"qwen3", set_qwen3_defaults, read_qwen3},
    FamilyConfig{"phi3", set_phi3_defaults, read_phi3},
    FamilyConfig{"gemma3_text", set_gemma3_defaults, read_gemma3},
    FamilyConfig{"gemma4_text", set_gemma4_defaults, read_gemma4},
    FamilyConfig{"qwen3_moe", set_qwen3_defaults, read_qwen3_moe},
    FamilyConfig{"gpt_oss", set_gpt_oss_defaults, read_gpt_oss},
    FamilyConfig{"qwen3_5_text", set_qwen3_5_defaults, read_qwen3_5},
    FamilyConfig{"bert", set_encoder_defaults, read_bert},
    FamilyConfig{"roberta", set_encoder_defaults, read_roberta},
    FamilyConfig{"xlm-roberta", set_encoder_defaults, read_roberta},
};

constexpr auto kModelTypes = [] {
  std::array<std::string_view, kFamilies.size()> names{};
  std::transform(kFamilies.begin(), kFamilies.end(), names.begin(), [](const FamilyConfig& family) {
    return family.model_type;
  });
  return names;
}();

}  // namespace

const FamilyConfig* find_family(std::string_view model_type) {
  const auto* found =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const FamilyConfig& family) {
        return family.model_type == model_type;
      });
  return found == kFamilies.end() ? nullptr : found;
}

std::span<const std::string_view> known_model_types() {
  return kModelTypes;
}

}  // namespace hub::model_config
