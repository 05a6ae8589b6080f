#include "core/model_config/encoder_config.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"

namespace hub::model_config {
namespace {

using base::Json;

constexpr std::array<std::string_view, 3> kTypes{"bert", "roberta", "xlm-roberta"};
constexpr std::uint64_t kFileLimit = 1U << 20U;  // bytes

// An absent file is an empty object.
Json read_object(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    return Json::object();
  }
  Json json = base::parse_json(base::read_file(file, kFileLimit), file.string());
  if (!json.is_object()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("{} holds no JSON object", file.string()));
  }
  return json;
}

[[noreturn]] void refuse_pooling(const std::string& wanted) {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format(
          "the pooling must be one of mean, last token and cls token, but 1_Pooling/config.json "
          "says {}",
          wanted));
}

// Exactly one of sentence-transformers' flags "pooling_mode_…" is set, or newer files name it.
std::optional<Pooling> pooling_of(const Json& json) {
  std::vector<std::string> modes;
  for (const auto& [key, value] : json.items()) {
    constexpr std::string_view start = "pooling_mode_";
    if (key.starts_with(start) && value.is_boolean() && value.get<bool>()) {
      modes.push_back(key.substr(start.size()));
    }
  }
  if (json.contains("pooling_mode") && json.at("pooling_mode").is_string()) {
    modes.push_back(json.at("pooling_mode").get<std::string>());
  }
  if (modes.empty()) {
    return std::nullopt;
  }
  const std::string& mode = modes.front();
  if (modes.size() > 1) {
    refuse_pooling(fmt::format("{} and {}", mode, modes[1]));
  }
  if (mode == "mean_tokens" || mode == "mean") {
    return Pooling::kMean;
  }
  if (mode == "lasttoken" || mode == "last") {
    return Pooling::kLast;
  }
  if (mode == "cls_token" || mode == "cls") {
    return Pooling::kCls;
  }
  refuse_pooling(mode);
}

void refuse_further_layers(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    return;
  }
  const Json modules = base::parse_json(base::read_file(file, kFileLimit), file.string());
  for (const Json& module : modules) {
    const bool has_type =
        module.is_object() && module.contains("type") && module.at("type").is_string();
    const std::string type = has_type ? module.at("type").get<std::string>() : "";
    const std::string name = type.substr(type.rfind('.') + 1);
    if (!name.empty() && name != "Transformer" && name != "Pooling" && name != "Normalize") {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format("modules.json: the layer {} behind the encoder is not computed", type));
    }
  }
}

void read_encoder(ModelConfig& config, Fields& fields) {
  auto& encoder = config.encoder.emplace(ModelConfig::Encoder{});  // clang wants one to copy
  encoder.positions = config.max_position_embeddings;
  encoder.token_types =
      fields.optional_int("type_vocab_size", 1, kMaxVocabulary).value_or(encoder.token_types);
  encoder.layer_norm_eps = fields.number("layer_norm_eps", 1e-15, 1.0, encoder.layer_norm_eps);
  const std::string activation = fields.text("hidden_act").value_or("gelu");
  encoder.gelu_by_tanh = activation == "gelu_new" || activation == "gelu_pytorch_tanh";
  if (activation != "gelu" && !encoder.gelu_by_tanh) {
    fields.complain(fmt::format("'hidden_act' must be gelu or gelu_new, got {}", activation));
  }
  const std::string positions = fields.text("position_embedding_type").value_or("absolute");
  if (positions != "absolute") {
    fields.complain(fmt::format("'position_embedding_type' must be absolute, got {}", positions));
  }
  if (fields.flag("is_decoder", false)) {
    fields.complain("'is_decoder' must be false");
  }
  if (config.head_dim * config.num_attention_heads != config.hidden_size) {
    fields.complain(
        fmt::format(
            "'hidden_size' {} must be 'num_attention_heads' {} times 'head_dim' {}",
            config.hidden_size,
            config.num_attention_heads,
            config.head_dim));
  }
  config.num_key_value_heads = config.num_attention_heads;
  config.tie_word_embeddings = true;  // there is no output head
}

}  // namespace

bool is_encoder_type(std::string_view model_type) {
  return std::find(kTypes.begin(), kTypes.end(), model_type) != kTypes.end();
}

void set_encoder_defaults(ModelConfig& config) {
  config.max_position_embeddings = 512;
}

void read_bert(ModelConfig& config, Fields& fields) {
  read_encoder(config, fields);
}

// Positions are counted from behind that of the padding token, so that rows up to it are unused.
void read_roberta(ModelConfig& config, Fields& fields) {
  read_encoder(config, fields);
  const int padding = fields.optional_int("pad_token_id", 0, kMaxVocabulary).value_or(1);
  config.encoder->first_position = padding + 1;
  config.max_position_embeddings -= padding + 1;
  if (config.max_position_embeddings < 1) {
    fields.complain(
        fmt::format(
            "'max_position_embeddings' {} leaves no position behind 'pad_token_id' {}",
            config.encoder->positions,
            padding));
  }
}

void read_sentence_files(ModelConfig& config, const std::filesystem::path& folder) {
  Json pooling = read_object(folder / "1_Pooling" / "config.json");
  if (pooling.empty()) {
    pooling = read_object(folder / "1_Pooling_config.json");
  }
  config.pooling = pooling_of(pooling);
  if (!config.encoder) {
    return;
  }
  refuse_further_layers(folder / "modules.json");
  const Json sentence = read_object(folder / "sentence_bert_config.json");
  const auto trained = base::JsonReader(sentence, "sentence_bert_config.json")
                           .optional_int("max_seq_length", 1, kMaxContext);
  if (trained) {
    config.max_position_embeddings =
        std::min(config.max_position_embeddings, static_cast<int>(*trained));
  }
}

LayerShape encoder_layer(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  return {
      {{"attention.self.query", hidden, hidden, true, 0},
       {"attention.self.key", hidden, hidden, true, 0},
       {"attention.self.value", hidden, hidden, true, 0},
       {"attention.output.dense", hidden, hidden, true, 1},
       {"intermediate.dense", inner, hidden, true, 2},
       {"output.dense", hidden, inner, true, 3}},
      {{"attention.output.LayerNorm.weight", {hidden}},
       {"attention.output.LayerNorm.bias", {hidden}},
       {"output.LayerNorm.weight", {hidden}},
       {"output.LayerNorm.bias", {hidden}}},
      0,
      6 * hidden + 2 * inner};
}

LayerShape encoder_outer(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  return {
      {},
      {{"embeddings.position_embeddings.weight", {config.encoder->positions, hidden}},
       {"embeddings.token_type_embeddings.weight", {config.encoder->token_types, hidden}},
       {"embeddings.LayerNorm.weight", {hidden}},
       {"embeddings.LayerNorm.bias", {hidden}}},
      0,
      0};
}

// What its classes have beside the encoder: the layer over [CLS], heads of its training.
bool is_dropped_of_encoder(std::string_view tensor) {
  return tensor.starts_with("pooler.") || tensor.starts_with("cls.") ||
         tensor.starts_with("lm_head.") || tensor == "embeddings.position_ids";
}

}  // namespace hub::model_config
