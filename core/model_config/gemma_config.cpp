#include "core/model_config/gemma_config.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/model_config/layer_fields.h"

namespace hub::model_config {
namespace {

// transformers 5: `rope_parameters` with an object for each type of layer.
void read_rope_by_type(ModelConfig& config, Fields& fields) {
  fields.attempt([&] {
    const base::Json* object = fields.reader().optional_object("rope_parameters");
    if (object == nullptr) {
      return;
    }
    const base::JsonReader types(*object, "rope_parameters");
    if (const base::Json* full = types.optional_object("full_attention")) {
      read_rope_scaling(config, base::JsonReader(*full, types.path_of("full_attention")), fields);
    }
    if (const base::Json* sliding = types.optional_object("sliding_attention")) {
      const base::JsonReader reader(*sliding, types.path_of("sliding_attention"));
      config.rope_local_theta = static_cast<float>(
          reader.optional_number("rope_theta", 1.0, 1e12).value_or(*config.rope_local_theta));
    }
  });
}

// mlx-lm rounds the root to bfloat16 whatever the activations are.
float root_in_bfloat16(int value) {
  const auto bits = std::bit_cast<std::uint32_t>(std::sqrt(static_cast<float>(value)));
  const std::uint32_t to_even = 0x7FFFU + ((bits >> 16U) & 1U);
  return std::bit_cast<float>((bits + to_even) & 0xFFFF0000U);
}

// `rope_parameters` of the layers that see everything, and of those that slide; each part has
// defaults of its own.
void read_gemma4_rope(ModelConfig& config, Fields& fields) {
  config.rotary_dim = 0;  // mlx-lm does not look at a factor outside of `rope_parameters`
  config.rope_scaling.reset();
  config.rope_theta = 1e6F;
  config.rope_local_theta = 10000.0F;
  ModelConfig::RopeScaling scaling;
  scaling.type = "proportional";
  scaling.rotated_part = 0.25F;
  fields.attempt([&] {
    const base::Json* object = fields.reader().optional_object("rope_parameters");
    if (object == nullptr) {
      config.rope_scaling = scaling;
      return;
    }
    const base::JsonReader types(*object, "rope_parameters");
    const base::Json none = base::Json::object();
    const auto reader_of = [&](std::string_view type) {
      const base::Json* own = types.optional_object(type);
      return base::JsonReader(own == nullptr ? none : *own, types.path_of(type));
    };
    const auto theta_of = [](const base::JsonReader& reader) {
      return static_cast<float>(reader.optional_number("rope_theta", 1.0, 1e12).value_or(10000.0));
    };
    const auto type_of = [](const base::JsonReader& reader) {
      return reader.optional_string("type").value_or(
          reader.optional_string("rope_type").value_or("default"));
    };
    const base::JsonReader sliding = reader_of("sliding_attention");
    config.rope_local_theta = theta_of(sliding);
    const base::JsonReader full = reader_of("full_attention");
    config.rope_theta = theta_of(full);
    const std::string type = type_of(full);
    if (type_of(sliding) != "default" || (type != "default" && type != "proportional")) {
      fields.complain(
          fmt::format(
              "'rope_parameters' must be of type default for sliding_attention, and default or "
              "proportional for full_attention, got {} and {}",
              type_of(sliding),
              type));
      return;
    }
    if (type == "proportional") {
      scaling.rotated_part =
          static_cast<float>(full.optional_number("partial_rotary_factor", 0.0, 1.0).value_or(1.0));
      scaling.factor = static_cast<float>(full.optional_number("factor", 1e-3, 1e6).value_or(1.0));
      config.rope_scaling = scaling;
    }
  });
}

// The experts beside the MLP of every layer.
void read_gemma4_experts(ModelConfig& config, Fields& fields) {
  if (!fields.flag("enable_moe_block", false)) {
    return;
  }
  ModelConfig::Experts experts;
  experts.count = fields.required_int("num_experts", 1, kMaxWidth);
  experts.per_token = fields.required_int("top_k_experts", 1, kMaxWidth);
  experts.intermediate_size = fields.required_int("moe_intermediate_size", 1, kMaxWidth);
  if (experts.per_token > experts.count) {
    fields.complain(
        fmt::format(
            "'top_k_experts' is {}, but there are {} experts", experts.per_token, experts.count));
  }
  config.experts = experts;
}

// The last layers attend to keys and values of an earlier one of their type.
void read_shared_layers(ModelConfig& config, Fields& fields) {
  auto& own = *config.gemma4;
  own.shared_layers =
      fields.optional_int("num_kv_shared_layers", 0, kMaxLayers).value_or(own.shared_layers);
  if (own.shared_layers >= config.num_hidden_layers) {
    fields.complain(
        fmt::format(
            "'num_kv_shared_layers' is {} of {} layers: one must have keys and values of its own",
            own.shared_layers,
            config.num_hidden_layers));
    own.shared_layers = 0;
  }
  for (int layer = config.num_hidden_layers - own.shared_layers; layer < config.num_hidden_layers;
       ++layer) {
    if (config.key_value_layer_of(layer) == layer) {
      fields.complain(
          fmt::format("layer {} shares keys and values with no earlier layer of its type", layer));
    }
  }
}

}  // namespace

void set_gemma3_defaults(ModelConfig& config) {
  config.head_dim = 256;
  config.max_position_embeddings = 32768;
  config.rms_norm_eps = 1e-6F;
  config.rope_theta = 1e6F;
  config.sliding_window = 512;
  config.qk_norm = true;
  config.norm_offset = 1.0F;
}

void read_gemma3(ModelConfig& config, Fields& fields) {
  check_activation(fields, "hidden_activation", {"gelu_pytorch_tanh"});
  check_activation(fields, "hidden_act", {"gelu_pytorch_tanh"});
  for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    if (fields.reader().has(cap)) {
      fields.complain(fmt::format("'{}' must be absent or null", cap));
    }
  }
  config.embedding_scale = root_in_bfloat16(config.hidden_size);
  config.rope_local_theta = fields.number("rope_local_base_freq", 1.0, 1e12, 10000.0F);
  read_rope_by_type(config, fields);
  const float scalar = fields.number("query_pre_attn_scalar", 1e-3, 1e6, 256.0F);
  config.attention_scale = 1.0F / std::sqrt(scalar);
  read_layer_types(config, fields);
  const int pattern =
      fields.optional_int("sliding_window_pattern", 1, kMaxLayers)
          .value_or(fields.optional_int("_sliding_window_pattern", 1, kMaxLayers).value_or(6));
  if (!fields.reader().has("layer_types")) {
    set_layer_pattern(config, pattern);
  }
  read_window(config, fields);
}

void set_gemma4_defaults(ModelConfig& config) {
  config.head_dim = 256;
  config.max_position_embeddings = 131072;
  config.rms_norm_eps = 1e-6F;
  config.sliding_window = 512;
  config.gemma4 = ModelConfig::Gemma4();
}

void read_gemma4(ModelConfig& config, Fields& fields) {
  auto& own = *config.gemma4;
  check_activation(fields, "hidden_activation", {"gelu_pytorch_tanh"});
  config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
  config.attention_scale = 1.0F;
  if (!fields.reader().has("num_key_value_heads")) {
    config.num_key_value_heads = 1;
  }
  read_layer_types(config, fields);
  const int pattern = fields.optional_int("sliding_window_pattern", 1, kMaxLayers).value_or(5);
  if (!fields.reader().has("layer_types")) {
    set_layer_pattern(config, pattern);
  }
  read_window(config, fields);
  read_shared_layers(config, fields);
  read_gemma4_rope(config, fields);
  read_gemma4_experts(config, fields);
  own.global_head_dim =
      fields.optional_int("global_head_dim", 2, kMaxWidth).value_or(own.global_head_dim);
  own.keys_are_values = fields.flag("attention_k_eq_v", false);
  const auto heads = fields.optional_int("num_global_key_value_heads", 1, kMaxWidth);
  own.global_key_value_heads =
      own.keys_are_values ? heads.value_or(config.num_key_value_heads) : config.num_key_value_heads;
  if (own.global_head_dim % 2 != 0 ||
      config.num_attention_heads % own.global_key_value_heads != 0) {
    fields.complain(
        fmt::format(
            "'global_head_dim' {} must be even, and 'num_attention_heads' {} a multiple of "
            "'num_global_key_value_heads' {}",
            own.global_head_dim,
            config.num_attention_heads,
            own.global_key_value_heads));
  }
  own.double_wide_mlp = fields.flag("use_double_wide_mlp", true);
  own.layer_input_size = fields.reader().is_null("hidden_size_per_layer_input")
                             ? 0
                             : fields.optional_int("hidden_size_per_layer_input", 0, kMaxWidth)
                                   .value_or(own.layer_input_size);
  own.layer_vocab_size = fields.optional_int("vocab_size_per_layer_input", 1, kMaxVocabulary)
                             .value_or(own.layer_vocab_size);
  if (own.layer_input_size > 0 && own.layer_vocab_size < config.vocab_size) {
    fields.complain(
        fmt::format(
            "'vocab_size_per_layer_input' {} is below 'vocab_size' {}",
            own.layer_vocab_size,
            config.vocab_size));
  }
  own.logit_cap = fields.reader().is_null("final_logit_softcapping")
                      ? 0.0F
                      : fields.number("final_logit_softcapping", 1e-3, 1e6, own.logit_cap);
}

}  // namespace hub::model_config
