#include "core/model_config/model_config.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/model_config/quantization.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;

// Far above any real model, and low enough that products of two fit into 64 bits.
constexpr int kMaxWidth = 1 << 20;
constexpr int kMaxLayers = 1 << 12;
constexpr int kMaxVocabulary = 1 << 24;
constexpr int kMaxContext = 1 << 28;
constexpr std::uint64_t kFileLimit = 16U << 20U;  // bytes

constexpr std::array<std::string_view, 2> kModelTypes{"llama", "mistral"};

// Reads fields and keeps every complaint instead of stopping at the first.
class Fields {
 public:
  explicit Fields(const Json& object) : reader_(object) {}

  int required_int(std::string_view key, int low, int high) {
    const auto value = optional_int(key, low, high);
    if (!value && !reader_.has(key)) {
      complain(fmt::format("'{}' is required", key));
    }
    return value.value_or(low);
  }
  std::optional<int> optional_int(std::string_view key, int low, int high) {
    std::optional<int> result;
    attempt([&] {
      const auto value = reader_.optional_int(key, low, high);
      result = value ? std::optional(static_cast<int>(*value)) : std::nullopt;
    });
    return result;
  }
  float number(std::string_view key, double low, double high, float otherwise) {
    float result = otherwise;
    attempt([&] {
      result = static_cast<float>(reader_.optional_number(key, low, high).value_or(otherwise));
    });
    return result;
  }
  bool flag(std::string_view key, bool otherwise) {
    bool result = otherwise;
    attempt([&] { result = reader_.optional_bool(key).value_or(otherwise); });
    return result;
  }
  std::optional<std::string> text(std::string_view key) {
    std::optional<std::string> result;
    attempt([&] { result = reader_.optional_string(key); });
    return result;
  }

  void attempt(const std::function<void()>& read) {
    try {
      read();
    } catch (const base::Error& error) {
      complain(error.what());
    }
  }
  void complain(std::string problem) { problems_.push_back(std::move(problem)); }

  [[nodiscard]] const JsonReader& reader() const { return reader_; }
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  JsonReader reader_;
  std::vector<std::string> problems_;
};

void check_model_type(const Fields& fields) {
  const std::string type = fields.reader().string("model_type");
  if (std::find(kModelTypes.begin(), kModelTypes.end(), type) == kModelTypes.end()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "config.json: the architecture '{}' is not supported; supported are: {}",
            type,
            fmt::join(kModelTypes, ", ")),
        "model_type",
        "unsupported_architecture");
  }
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
  config.head_dim = head_dim.value_or(config.hidden_size / config.num_attention_heads);
  if (!head_dim && config.hidden_size % config.num_attention_heads != 0) {
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

// Full attention equals windowed attention as long as everything fits into the window, so a window
// shortens the context instead of changing the arithmetic.
void read_context(ModelConfig& config, Fields& fields) {
  config.max_position_embeddings =
      fields.optional_int("max_position_embeddings", 1, kMaxContext).value_or(2048);
  if (fields.flag("use_sliding_window", true)) {
    const auto window = fields.optional_int("sliding_window", 1, kMaxContext);
    config.max_position_embeddings =
        std::min(config.max_position_embeddings, window.value_or(kMaxContext));
  }
}

// `rope_scaling` with `rope_theta` beside it, or transformers 5's `rope_parameters` with both
// inside. Types and defaults as in mlx_lm/models/rope_utils.py › initialize_rope.
void read_rope(ModelConfig& config, Fields& fields) {
  config.rope_theta = fields.number("rope_theta", 1.0, 1e12, config.rope_theta);
  config.rope_traditional = fields.flag("rope_traditional", false);
  const bool new_form = fields.reader().has("rope_parameters");
  const std::string key = new_form ? "rope_parameters" : "rope_scaling";
  fields.attempt([&] {
    const Json* object = fields.reader().optional_object(key);
    if (object == nullptr) {
      return;
    }
    const JsonReader scaling(*object, key);
    config.rope_theta = static_cast<float>(
        scaling.optional_number("rope_theta", 1.0, 1e12).value_or(config.rope_theta));
    const std::string type = scaling.optional_string("type").value_or(
        scaling.optional_string("rope_type").value_or("default"));
    if (type == "default") {
      return;
    }
    if (type != "linear" && type != "llama3") {
      fields.complain(
          fmt::format("'{}' has type '{}'; supported are: default, linear, llama3", key, type));
      return;
    }
    ModelConfig::RopeScaling result;
    result.type = type;
    static_cast<void>(scaling.value("factor"));
    const auto number = [&](std::string_view name, float otherwise) {
      return static_cast<float>(scaling.optional_number(name, 1e-3, 1e6).value_or(otherwise));
    };
    result.factor = number("factor", 1.0F);
    result.low_freq_factor = number("low_freq_factor", 1.0F);
    result.high_freq_factor = number("high_freq_factor", 4.0F);
    result.original_max_position_embeddings = static_cast<int>(
        scaling.optional_int("original_max_position_embeddings", 1, kMaxContext).value_or(8192));
    if (result.high_freq_factor <= result.low_freq_factor) {
      fields.complain(
          fmt::format(
              "'{0}.high_freq_factor' must be greater than '{0}.low_freq_factor', got {1} and {2}",
              key,
              result.high_freq_factor,
              result.low_freq_factor));
    }
    config.rope_scaling = result;
  });
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

Quantization quantization_from(
    const JsonReader& reader, const std::optional<Quantization>& defaults, Fields& fields) {
  const auto required = [&](std::string_view key, int low, int high, std::optional<int> otherwise) {
    const auto value = reader.optional_int(key, low, high);
    return value       ? static_cast<int>(*value)
           : otherwise ? *otherwise
                       : [&] {
                           static_cast<void>(reader.value(key));  // throws "is required"
                           return 0;
                         }();
  };
  Quantization result;
  result.group_size = required(
      "group_size", 16, 1024, defaults ? std::optional(defaults->group_size) : std::nullopt);
  result.bits = required("bits", 2, 8, defaults ? std::optional(defaults->bits) : std::nullopt);
  result.mode =
      reader.optional_string("mode").value_or(defaults ? defaults->mode : std::string("affine"));
  if (const std::string problem = quantization_problem(result); !problem.empty()) {
    fields.complain(fmt::format("'{}': {}", reader.path_of("mode"), problem));
  }
  return result;
}

// mlx-lm's form: {"group_size", "bits", "mode"?, "<module path>": {…} | false, …}.
void read_quantization(ModelConfig& config, Fields& fields) {
  const std::string key =
      fields.reader().has("quantization") ? "quantization" : "quantization_config";
  fields.attempt([&] {
    const Json* object = fields.reader().optional_object(key);
    if (object == nullptr) {
      return;
    }
    const JsonReader reader(*object, key);
    if (const auto method = reader.optional_string("quant_method")) {
      fields.complain(
          fmt::format("'{}.quant_method' {} is not supported: convert it to MLX's", key, *method));
      return;
    }
    config.quantization = quantization_from(reader, std::nullopt, fields);
    for (const auto& [path, value] : object->items()) {
      if (value.is_object()) {
        config.quantization_overrides[path] =
            quantization_from(JsonReader(value, reader.path_of(path)), config.quantization, fields);
      } else if (value.is_boolean() && !value.get<bool>()) {
        config.unquantized.insert(path);
      }
    }
  });
}

void read_activation(Fields& fields) {
  const auto activation = fields.text("hidden_act");
  if (activation && *activation != "silu" && *activation != "swish") {
    fields.complain(fmt::format("'hidden_act' must be silu, got {}", *activation));
  }
  fields.attempt([&] {
    for (const auto& type :
         fields.reader().optional_strings("layer_types").value_or(std::vector<std::string>{})) {
      if (type != "full_attention") {
        fields.complain(fmt::format("'layer_types' holds '{}': only full_attention is", type));
        return;
      }
    }
  });
}

}  // namespace

std::span<const std::string_view> known_model_types() {
  return kModelTypes;
}

std::optional<Quantization> ModelConfig::quantization_of(const std::string& path) const {
  if (unquantized.contains(path)) {
    return std::nullopt;
  }
  const auto found = quantization_overrides.find(path);
  return found == quantization_overrides.end() ? quantization : std::optional(found->second);
}

ModelConfig ModelConfig::from_json(const Json& json) {
  try {
    Fields fields(json);
    check_model_type(fields);
    ModelConfig config;
    config.model_type = fields.reader().string("model_type");
    read_shape(config, fields);
    read_context(config, fields);
    config.rms_norm_eps = fields.number("rms_norm_eps", 1e-12, 1.0, config.rms_norm_eps);
    read_rope(config, fields);
    config.tie_word_embeddings = fields.flag("tie_word_embeddings", true);
    config.attention_bias = fields.flag("attention_bias", false);
    config.mlp_bias = fields.flag("mlp_bias", false);
    read_activation(fields);
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
