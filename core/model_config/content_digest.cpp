#include "core/model_config/content_digest.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/model_config/adapter_config.h"
#include "core/model_config/text_part.h"

namespace hub::model_config {
namespace {

using base::Json;
// Keys sorted by bytes: the canonical form.
using SortedJson = nlohmann::json;

constexpr std::uint64_t kJsonLimit = 64U << 20U;

class Digest {
 public:
  explicit Digest(const DigestProgress& progress) : progress_(progress) {}
  void number(std::uint64_t value) {
    std::array<unsigned char, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes.at(i) = static_cast<unsigned char>(value >> (8 * i));
    }
    sha_.update(bytes.data(), bytes.size());
  }
  void text(std::string_view value) {
    number(value.size());
    sha_.update(value);
  }
  void tensor(const TensorInfo& tensor, const std::filesystem::path& file) {
    text("tensor");
    text(tensor.name);
    text(tensor.dtype);
    number(tensor.shape.size());
    for (const std::int64_t dimension : tensor.shape) {
      number(static_cast<std::uint64_t>(dimension));
    }
    number(tensor.bytes());
    stream(tensor, file);
  }
  std::string hex() { return sha_.hex(); }

 private:
  void stream(const TensorInfo& tensor, const std::filesystem::path& file) {
    std::ifstream input(file, std::ios::binary);
    input.seekg(static_cast<std::streamoff>(tensor.begin));
    std::uint64_t left = tensor.bytes();
    while (left > 0) {
      const std::uint64_t wanted = std::min<std::uint64_t>(left, buffer_.size());
      if (!input.read(buffer_.data(), static_cast<std::streamsize>(wanted))) {
        throw base::Error(
            base::ErrorCode::kUnprocessable,
            fmt::format("{} ends inside tensor '{}'", file.string(), tensor.name));
      }
      sha_.update(buffer_.data(), wanted);
      left -= wanted;
      bytes_ += static_cast<std::int64_t>(wanted);
      if (progress_ && !progress_(bytes_)) {
        throw base::Error(base::ErrorCode::kCancelled, "cancelled", {}, "cancelled");
      }
    }
  }

  const DigestProgress& progress_;
  std::int64_t bytes_ = 0;  // of tensors
  base::Sha256 sha_;
  std::string buffer_ = std::string(1U << 20U, '\0');
};

SortedJson canonical(const Quantization& quantization) {
  return {
      {"bits", quantization.bits},
      {"group_size", quantization.group_size},
      {"mode", quantization.mode}};
}

// tokenizer_config.json, or an empty object.
SortedJson tokenizer_config(const std::filesystem::path& folder) {
  const auto file = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(file)) {
    return SortedJson::object();
  }
  const Json json = base::parse_json(base::read_file(file, kJsonLimit), file.string());
  return json.is_object() ? SortedJson(json) : SortedJson::object();
}

std::string special_tokens(const std::filesystem::path& folder) {
  const SortedJson config = tokenizer_config(folder);
  SortedJson tokens = SortedJson::object();
  for (const char* key :
       {"add_bos_token", "add_eos_token", "bos_token", "eos_token", "pad_token", "unk_token"}) {
    if (config.contains(key) && !config.at(key).is_null()) {
      tokens[key] = config.at(key);
    }
  }
  return tokens.dump();
}

std::string digest_or_empty(const std::string& text) {
  return text.empty() ? std::string() : base::sha256_hex(text);
}

SortedJson canonical(const ModelConfig::RopeScaling& scaling) {
  SortedJson json = {{"type", scaling.type}, {"factor", scaling.factor}};
  if (scaling.type != "linear") {
    json["original_max_position_embeddings"] = scaling.original_max_position_embeddings;
  }
  if (scaling.type == "llama3") {
    json["low_freq_factor"] = scaling.low_freq_factor;
    json["high_freq_factor"] = scaling.high_freq_factor;
  }
  if (scaling.type == "longrope") {
    json["long_factor"] = scaling.long_factor;
  }
  if (scaling.type == "proportional") {
    json["rotated_part"] = scaling.rotated_part;
  }
  if (scaling.type == "yarn") {
    json["beta"] = {scaling.beta_fast, scaling.beta_slow};
    json["mscale"] = {scaling.mscale, scaling.mscale_all_dim};
  }
  return json;
}

// What only some families have.
void add_families_own(SortedJson& json, const ModelConfig& config) {
  if (config.experts) {
    const auto& experts = *config.experts;
    json["experts"] = {
        {"count", experts.count},
        {"per_token", experts.per_token},
        {"intermediate_size", experts.intermediate_size},
        {"norm_topk_prob", experts.norm_topk_prob},
        {"dense_layers", experts.dense_layers}};
  }
  if (config.gemma4) {
    const auto& own = *config.gemma4;
    json["gemma4"] = {
        {"global_head_dim", own.global_head_dim},
        {"global_key_value_heads", own.global_key_value_heads},
        {"keys_are_values", own.keys_are_values},
        {"shared_layers", own.shared_layers},
        {"double_wide_mlp", own.double_wide_mlp},
        {"layer_input_size", own.layer_input_size},
        {"layer_vocab_size", own.layer_vocab_size},
        {"logit_cap", own.logit_cap}};
  }
  if (config.linear_attention) {
    const auto& own = *config.linear_attention;
    json["linear_attention"] = {
        {"heads", {own.key_heads, own.value_heads}},
        {"dims", {own.key_dim, own.value_dim}},
        {"kernel", own.kernel},
        {"attention_interval", own.attention_interval}};
  }
  if (config.encoder) {
    const auto& own = *config.encoder;
    json["encoder"] = {
        {"positions", own.positions},
        {"first_position", own.first_position},
        {"token_types", own.token_types},
        {"layer_norm_eps", own.layer_norm_eps},
        {"gelu_by_tanh", own.gelu_by_tanh}};
  }
  if (config.pooling) {
    json["pooling"] = to_string(*config.pooling);
  }
}

}  // namespace

std::string canonical_config(const ModelConfig& config) {
  SortedJson json = {
      {"attention_bias", config.attention_bias},
      {"eos_token_ids", config.eos_token_ids},
      {"head_dim", config.head_dim},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"mlp_bias", config.mlp_bias},
      {"model_type", config.model_type},
      {"num_attention_heads", config.num_attention_heads},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_key_value_heads", config.num_key_value_heads},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_theta},
      {"rope_traditional", config.rope_traditional},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"vocab_size", config.vocab_size},
  };
  if (config.rope_scaling) {
    json["rope_scaling"] = canonical(*config.rope_scaling);
  }
  if (config.rotary_dim > 0) {
    json["rotary_dim"] = config.rotary_dim;
  }
  if (config.rope_local_theta) {
    json["rope_local_theta"] = *config.rope_local_theta;
  }
  if (config.attention_scale) {
    json["attention_scale"] = *config.attention_scale;
  }
  add_families_own(json, config);
  if (!config.no_rope_layers.empty()) {
    json["no_rope_layers"] = config.no_rope_layers;
  }
  for (const auto type : config.layer_types) {
    const bool slides = type == ModelConfig::LayerType::kSliding;
    json["layer_types"].push_back(slides ? "sliding_attention" : "full_attention");
  }
  if (config.sliding_window > 0) {
    json["sliding_window"] = config.sliding_window;
  }
  if (config.attention_output_bias != config.attention_bias) {
    json["attention_output_bias"] = config.attention_output_bias;
  }
  if (config.quantization) {
    json["quantization"] = canonical(*config.quantization);
  }
  for (const auto& [path, quantization] : config.quantization_overrides) {
    json["quantization_overrides"][path] = canonical(quantization);
  }
  for (const auto& path : config.unquantized) {
    json["unquantized"].push_back(path);
  }
  return json.dump();
}

std::string chat_template_text(const std::filesystem::path& folder) {
  const auto file = folder / "chat_template.jinja";
  if (std::filesystem::exists(file)) {
    return base::read_file(file, kJsonLimit);
  }
  const SortedJson config = tokenizer_config(folder);
  const auto found = config.find("chat_template");
  if (found == config.end()) {
    return {};
  }
  if (found->is_string()) {
    return found->get<std::string>();
  }
  if (found->is_array()) {
    for (const auto& entry : *found) {
      if (entry.is_object() && entry.value("name", SortedJson()) == "default" &&
          entry.value("template", SortedJson()).is_string()) {
        return entry.at("template").get<std::string>();
      }
    }
  }
  return {};
}

std::string content_digest(const std::filesystem::path& folder, const DigestProgress& progress) {
  const ModelConfig config = ModelConfig::load(folder);
  const auto files = read_text_weights(folder, config);
  Digest digest(progress);
  digest.text("mlx-hub model 1");
  for (const auto& [tensor, file] : tensors_by_name(files)) {
    digest.tensor(*tensor, *file);
  }
  digest.text("config");
  digest.text(canonical_config(config));
  digest.text("tokenizer");
  const auto tokenizer = folder / "tokenizer.json";
  digest.text(std::filesystem::exists(tokenizer) ? base::sha256_file(tokenizer) : "");
  digest.text("special_tokens");
  digest.text(special_tokens(folder));
  digest.text("chat_template");
  digest.text(digest_or_empty(chat_template_text(folder)));
  return digest.hex();
}

std::string adapter_digest(
    const std::filesystem::path& folder,
    const std::string& base_digest,
    const DigestProgress& progress) {
  const AdapterConfig config = AdapterConfig::load(folder);
  const auto file = folder / "adapters.safetensors";
  const SafetensorsHeader header = SafetensorsHeader::read(file);
  Digest digest(progress);
  digest.text("mlx-hub adapter 1");
  std::set<std::string> targets;
  for (const TensorInfo& tensor : header.tensors) {
    digest.tensor(tensor, file);
    targets.insert(tensor.name.substr(0, tensor.name.rfind('.')));
  }
  digest.text("adapter");
  const SortedJson json = {
      {"fine_tune_type", config.fine_tune_type},
      {"rank", config.rank},
      {"scale", config.scale},
      {"targets", targets}};
  digest.text(json.dump());
  digest.text("base");
  digest.text(base_digest);
  return digest.hex();
}

}  // namespace hub::model_config
