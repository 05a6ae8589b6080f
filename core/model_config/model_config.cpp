#include "core/model_config/model_config.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/model_config/config_fields.h"
#include "core/model_config/encoder_config.h"
#include "core/model_config/family_config.h"
#include "core/model_config/text_part.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;

constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kEncoderLayers = "encoder.layer.";
constexpr std::uint64_t kFileLimit = 16U << 20U;  // bytes

const FamilyConfig& family_of(const Fields& fields) {
  const std::string type = fields.reader().string("model_type");
  const FamilyConfig* family = find_family(type);
  if (family == nullptr) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "config.json: the architecture '{}' is not supported; supported are: {}, and the text "
            "of {}",
            type,
            fmt::join(known_model_types(), ", "),
            fmt::join(known_whole_types(), ", ")),
        "model_type",
        "unsupported_architecture");
  }
  return *family;
}

void read_shape(ModelConfig& config, Fields& fields) {
  config.hidden_size = fields.required_int("hidden_size", 1, kMaxWidth);
  config.intermediate_size = fields.required_int("intermediate_size", 1, kMaxWidth);
  config.num_hidden_layers = fields.required_int("num_hidden_layers", 1, kMaxLayers);
  config.num_attention_heads = fields.required_int("num_attention_heads", 1, kMaxWidth);
  config.vocab_size = fields.required_int("vocab_size", 1, kMaxVocabulary);
  config.num_key_value_heads =
      fields.optional_int("num_key_value_heads", 1, kMaxWidth).value_or(config.num_attention_heads);
  const auto head_dim = fields.optional_int("head_dim", 1, kMaxWidth);
  const bool derived = !head_dim && config.head_dim == 0;
  config.head_dim = derived ? config.hidden_size / config.num_attention_heads
                            : head_dim.value_or(config.head_dim);
  if (derived && config.hidden_size % config.num_attention_heads != 0) {
    fields.complain(
        fmt::format(
            "'hidden_size' {} is no multiple of 'num_attention_heads' {}, and there is no "
            "'head_dim'",
            config.hidden_size,
            config.num_attention_heads));
  }
  if (config.head_dim % 2 != 0) {
    fields.complain(
        fmt::format("'head_dim' must be even for rotary embeddings, got {}", config.head_dim));
  }
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    fields.complain(
        fmt::format(
            "'num_attention_heads' {} is no multiple of 'num_key_value_heads' {}",
            config.num_attention_heads,
            config.num_key_value_heads));
  }
}

// One id or a list of ids.
std::vector<int> token_ids(const JsonReader& reader, std::string_view key, int vocab_size) {
  if (!reader.has(key)) {
    return {};
  }
  if (!reader.value(key).is_array()) {
    return {static_cast<int>(reader.optional_int(key, 0, vocab_size - 1).value_or(0))};
  }
  std::vector<int> ids;
  for (const Json& item : reader.value(key)) {
    if (!item.is_number_integer() || item.get<double>() < 0 || item.get<double>() >= vocab_size) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' must hold token ids from 0 to {}, got {}",
              reader.path_of(key),
              vocab_size - 1,
              item.dump()));
    }
    ids.push_back(item.get<int>());
  }
  return ids;
}

}  // namespace

std::optional<Quantization> ModelConfig::quantization_of(const std::string& path) const {
  if (unquantized.contains(path)) {
    return std::nullopt;
  }
  const auto found = quantization_overrides.find(path);
  return found == quantization_overrides.end() ? quantization : std::optional(found->second);
}

std::string ModelConfig::embedding_path() const {
  return path(encoder ? "embeddings.word_embeddings" : "model.embed_tokens");
}

std::string ModelConfig::layer_path(int layer) const {
  return fmt::format("{}{}{}", prefix, encoder ? kEncoderLayers : kLayers, layer);
}

std::optional<int> ModelConfig::layer_of(std::string_view name) const {
  int layer = -1;
  const std::string start = path(encoder ? kEncoderLayers : kLayers);
  if (name.starts_with(start)) {
    std::from_chars(name.data() + start.size(), name.data() + name.size(), layer);
  }
  return layer < 0 ? std::nullopt : std::optional(layer);
}

int ModelConfig::window_of(int layer) const {
  const bool slides = !layer_types.empty() &&
                      layer_types.at(static_cast<std::size_t>(layer)) == LayerType::kSliding;
  return slides ? sliding_window : 0;
}

bool ModelConfig::is_sparse(int layer) const {
  return experts && !experts->dense_layers.contains(layer);
}

bool ModelConfig::is_recurrent(int layer) const {
  return linear_attention && (layer + 1) % linear_attention->attention_interval != 0;
}

int ModelConfig::head_dim_of(int layer) const {
  return gemma4 && window_of(layer) == 0 ? gemma4->global_head_dim : head_dim;
}

int ModelConfig::key_value_heads_of(int layer) const {
  return gemma4 && window_of(layer) == 0 ? gemma4->global_key_value_heads : num_key_value_heads;
}

int ModelConfig::intermediate_size_of(int layer) const {
  const bool wide = gemma4 && gemma4->double_wide_mlp && key_value_layer_of(layer) != layer;
  return wide ? 2 * intermediate_size : intermediate_size;
}

int ModelConfig::key_value_layer_of(int layer) const {
  const int own = num_hidden_layers - (gemma4 ? gemma4->shared_layers : 0);
  for (int earlier = own - 1; layer >= own && earlier >= 0; --earlier) {
    if (window_of(earlier) == window_of(layer)) {
      return earlier;
    }
  }
  return layer;
}

ModelConfig ModelConfig::from_json(const Json& json) {
  try {
    const std::optional<Json> inner = text_config_of(json);
    Fields fields(inner ? *inner : json);
    const FamilyConfig& family = family_of(fields);
    ModelConfig config;
    config.model_type = family.model_type;
    config.prefix = inner ? kTextPrefix : "";
    family.set_defaults(config);
    read_shape(config, fields);
    config.max_position_embeddings = fields.optional_int("max_position_embeddings", 1, kMaxContext)
                                         .value_or(config.max_position_embeddings);
    config.rms_norm_eps = fields.number("rms_norm_eps", 1e-12, 1.0, config.rms_norm_eps);
    read_rope(config, fields);
    config.tie_word_embeddings = fields.flag("tie_word_embeddings", config.tie_word_embeddings);
    family.read(config, fields);
    fields.attempt([&] {
      config.eos_token_ids = token_ids(fields.reader(), "eos_token_id", config.vocab_size);
    });
    config.bos_token_id = fields.optional_int("bos_token_id", 0, kMaxVocabulary);
    read_quantization(config, fields);
    if (!fields.problems().empty()) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format("config.json: {}", fmt::join(fields.problems(), "; ")));
    }
    return config;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kUnprocessable) {
      throw;
    }
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("config.json: {}", error.what()));
  }
}

ModelConfig ModelConfig::load(const std::filesystem::path& folder) {
  try {
    ModelConfig config = from_json(
        base::parse_json(base::read_file(folder / "config.json", kFileLimit), "the file"));
    read_sentence_files(config, folder);
    const auto generation = folder / "generation_config.json";
    if (std::filesystem::exists(generation)) {
      const Json json =
          base::parse_json(base::read_file(generation, kFileLimit), generation.string());
      const auto ids = token_ids(JsonReader(json), "eos_token_id", config.vocab_size);
      if (!ids.empty()) {
        config.eos_token_ids = ids;
      }
    }
    return config;
  } catch (const base::Error& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{}: {}", folder.string(), error.what()),
        error.param(),
        error.reason());
  }
}

}  // namespace hub::model_config
