#include "core/model_config/qwen3_5_config.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/model_config/layer_fields.h"

namespace hub::model_config {
namespace {

// Every `interval`th layer has attention. transformers lists the layers, too; both must agree.
void read_recurrent_layers(ModelConfig& config, Fields& fields) {
  auto& own = *config.linear_attention;
  own.attention_interval =
      fields.optional_int("full_attention_interval", 1, kMaxLayers).value_or(4);
  if (own.attention_interval > config.num_hidden_layers) {
    fields.complain(
        fmt::format(
            "'full_attention_interval' is {}, so none of the {} layers has attention",
            own.attention_interval,
            config.num_hidden_layers));
  }
  fields.attempt([&] {
    const auto names = fields.reader().optional_strings("layer_types");
    if (!names) {
      return;
    }
    bool agree = names->size() == static_cast<std::size_t>(config.num_hidden_layers);
    for (int layer = 0; agree && layer < config.num_hidden_layers; ++layer) {
      agree = names->at(static_cast<std::size_t>(layer)) ==
              (config.is_recurrent(layer) ? "linear_attention" : "full_attention");
    }
    if (!agree) {
      fields.complain(
          fmt::format(
              "'layer_types' must be full_attention in every {}th of {} layers, and else "
              "linear_attention, as 'full_attention_interval' says",
              own.attention_interval,
              config.num_hidden_layers));
    }
  });
}

}  // namespace

void set_qwen3_5_defaults(ModelConfig& config) {
  config.max_position_embeddings = 131072;
  config.rms_norm_eps = 1e-6F;
  config.rope_theta = 100000.0F;
  config.tie_word_embeddings = false;
  config.linear_attention = ModelConfig::LinearAttention();
}

void read_qwen3_5(ModelConfig& config, Fields& fields) {
  if (fields.optional_int("num_experts", 0, kMaxWidth).value_or(0) > 0) {
    fields.complain("'num_experts' must be 0 or absent");
  }
  check_silu(fields);
  config.attention_bias = fields.flag("attention_bias", false);
  config.attention_output_bias = config.attention_bias;
  auto& own = *config.linear_attention;
  own.value_heads = fields.optional_int("linear_num_value_heads", 1, kMaxWidth).value_or(64);
  own.key_heads = fields.optional_int("linear_num_key_heads", 1, kMaxWidth).value_or(16);
  own.key_dim = fields.optional_int("linear_key_head_dim", 1, kMaxWidth).value_or(192);
  own.value_dim = fields.optional_int("linear_value_head_dim", 1, kMaxWidth).value_or(128);
  own.kernel = fields.optional_int("linear_conv_kernel_dim", 2, 64).value_or(4);
  if (own.value_heads % own.key_heads != 0) {
    fields.complain(
        fmt::format(
            "'linear_num_value_heads' {} is no multiple of 'linear_num_key_heads' {}",
            own.value_heads,
            own.key_heads));
  }
  read_recurrent_layers(config, fields);
  config.mtp_layers = fields.optional_int("mtp_num_hidden_layers", 0, kMaxLayers).value_or(1);
  fields.attempt([&] {  // a quarter of a head turns where nothing else is said
    constexpr std::string_view key = "partial_rotary_factor";
    const base::Json* rope = fields.reader().optional_object("rope_parameters");
    if (fields.reader().has(key) || (rope != nullptr && base::JsonReader(*rope).has(key))) {
      return;
    }
    config.rotary_dim = config.head_dim / 4;
    if (config.rotary_dim == 0 || config.rotary_dim % 2 != 0) {
      fields.complain(
          fmt::format("a quarter of 'head_dim' {} must be an even number", config.head_dim));
    }
  });
}

}  // namespace hub::model_config
