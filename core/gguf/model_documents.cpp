#include "core/gguf/model_documents.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/gguf/affine.h"

namespace hub::gguf {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr double kPi = 3.14159265358979323846;

[[noreturn]] void refuse(const GgufFile& file, const std::string& what) {
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format("{}: {}", file.path().filename().string(), what),
      {},
      "gguf_unsupported");
}

// Llama 3.1's scaling, which a GGUF file only has as factors of the frequencies.
Json llama3_scaling(
    const GgufFile& file, const TensorInfo& tensor, double theta, std::int64_t head_dim) {
  constexpr double low = 1.0;
  constexpr double high = 4.0;
  constexpr double original = 8192.0;
  if (tensor.type != TensorType::kF32 ||
      tensor.columns() != static_cast<std::uint64_t>(head_dim) / 2) {
    refuse(file, "rope_freqs.weight has another form than Llama 3.1's");
  }
  std::vector<std::uint8_t> bytes(tensor.bytes);
  file.read(tensor, 0, bytes);
  std::vector<float> factors(tensor.columns());
  std::memcpy(factors.data(), bytes.data(), bytes.size());
  const double factor = *std::max_element(factors.begin(), factors.end());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double wavelength =
        2 * kPi * std::pow(theta, 2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    const double smooth = (original / wavelength - low) / (high - low);
    const double wanted = wavelength < original / high  ? 1.0
                          : wavelength > original / low ? factor
                                                        : 1 / ((1 - smooth) / factor + smooth);
    if (std::abs(factors[i] - wanted) > 1e-3 * wanted) {
      refuse(file, "rope_freqs.weight is not Llama 3.1's scaling");
    }
  }
  return {
      {"rope_type", "llama3"},
      {"factor", factor},
      {"low_freq_factor", low},
      {"high_freq_factor", high},
      {"original_max_position_embeddings", 8192}};
}

Json rope_scaling(const GgufFile& file, double theta, std::int64_t head_dim) {
  if (const TensorInfo* factors = file.find_tensor("rope_freqs.weight")) {
    return llama3_scaling(file, *factors, theta, head_dim);
  }
  if (file.find("llama.rope.scaling.type") == nullptr) {
    return nullptr;
  }
  const std::string& type = file.text("llama.rope.scaling.type");
  if (type == "none") {
    return nullptr;
  }
  if (type != "linear") {
    refuse(
        file,
        fmt::format("the rotary scaling '{}' is not known, only linear and Llama 3.1's", type));
  }
  return {{"rope_type", "linear"}, {"factor", file.number("llama.rope.scaling.factor")}};
}

std::int64_t integer_or(const GgufFile& file, const std::string& key, std::int64_t otherwise) {
  return file.find(key) == nullptr ? otherwise : file.integer(key);
}

}  // namespace

std::optional<Json> QuantizedModules::to_json() const {
  if (bits.empty()) {
    return std::nullopt;
  }
  const auto fours =
      std::count_if(bits.begin(), bits.end(), [](const auto& one) { return one.second == 4; });
  const int usual = fours > 0 ? 4 : 8;
  Json json = {{"group_size", kGroupValues}, {"bits", usual}};
  for (const auto& [module, count] : bits) {
    if (count != usual) {
      json[module] = {{"group_size", kGroupValues}, {"bits", count}};
    }
  }
  for (const std::string& module : unquantized) {
    json[module] = false;
  }
  return json;
}

Json config_json(const GgufFile& file, bool tied, const QuantizedModules& quantized) {
  if (file.text("general.architecture") != "llama") {
    refuse(
        file,
        fmt::format(
            "the architecture '{}' is not converted, only llama (Llama and Mistral)",
            file.text("general.architecture").substr(0, 60)));
  }
  const std::int64_t heads = file.integer("llama.attention.head_count");
  const std::int64_t hidden = file.integer("llama.embedding_length");
  if (heads < 1 || hidden < heads) {
    refuse(file, fmt::format("{} heads over a width of {} make no model", heads, hidden));
  }
  const std::int64_t head_dim = integer_or(file, "llama.attention.key_length", hidden / heads);
  const double theta =
      file.find("llama.rope.freq_base") == nullptr ? 10000.0 : file.number("llama.rope.freq_base");
  Json config = {
      {"architectures", {"LlamaForCausalLM"}},
      {"attention_bias", file.find_tensor("blk.0.attn_q.bias") != nullptr},
      {"attention_dropout", 0.0}};
  if (file.find("tokenizer.ggml.bos_token_id") != nullptr) {
    config["bos_token_id"] = file.integer("tokenizer.ggml.bos_token_id");
  }
  config["eos_token_id"] = file.integer("tokenizer.ggml.eos_token_id");
  config["head_dim"] = head_dim;
  config["hidden_act"] = "silu";
  config["hidden_size"] = hidden;
  config["intermediate_size"] = file.integer("llama.feed_forward_length");
  config["max_position_embeddings"] = file.integer("llama.context_length");
  config["mlp_bias"] = file.find_tensor("blk.0.ffn_up.bias") != nullptr;
  config["model_type"] = "llama";
  config["num_attention_heads"] = heads;
  config["num_hidden_layers"] = file.integer("llama.block_count");
  config["num_key_value_heads"] = integer_or(file, "llama.attention.head_count_kv", heads);
  if (file.find("tokenizer.ggml.padding_token_id") != nullptr) {
    config["pad_token_id"] = file.integer("tokenizer.ggml.padding_token_id");
  }
  if (const auto packed = quantized.to_json()) {
    config["quantization"] = *packed;
    config["quantization_config"] = *packed;
  }
  config["rms_norm_eps"] = file.number("llama.attention.layer_norm_rms_epsilon");
  config["rope_scaling"] = rope_scaling(file, theta, head_dim);
  config["rope_theta"] = theta;
  config["tie_word_embeddings"] = tied;
  config["torch_dtype"] = "float32";
  config["vocab_size"] = file.texts("tokenizer.ggml.tokens").size();
  return config;
}

Json generation_config_json(const Json& config) {
  Json json = Json::object();
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (config.contains(key)) {
      json[key] = config[key];
    }
  }
  return json;
}

}  // namespace hub::gguf
