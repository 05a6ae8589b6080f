#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>

#include <fmt/format.h>
#include <mlx/array.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/tensor/ops.h"

// A Llama of a few thousand random weights, for tests that need a model but no sense.
namespace hub::test {

namespace mx = mlx::core;

using Tensors = std::unordered_map<std::string, mx::array>;

// Two layers, grouped queries, tied embeddings, 4-bit weights in groups of 32 with an 8-bit
// embedding. Change fields before use; without "quantization" the weights stay float32.
inline base::Json tiny_config() {
  return base::Json::parse(R"({
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 96,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "tie_word_embeddings": true, "eos_token_id": 2, "bos_token_id": 1,
    "quantization": {"group_size": 32, "bits": 4,
                     "model.embed_tokens": {"group_size": 32, "bits": 8}}})");
}

// Collects random tensors under a module's path, packed where `config` says so.
class TinyTensors {
 public:
  TinyTensors(const base::Json& config, std::uint64_t seed)
      : config_(config), key_(mx::random::key(seed)) {}

  // out rows of unit-variance outputs: standard deviation 1 / sqrt(in).
  void matrix(const std::string& path, int out, int in) {
    const float deviation = 1.0F / std::sqrt(static_cast<float>(in));
    const mx::array dense = mx::random::normal({out, in}, mx::float32, 0.0F, deviation, next());
    if (!config_.contains("quantization")) {
      tensors.insert({path + ".weight", dense});
      return;
    }
    const base::Json& all = config_.at("quantization");
    const base::Json& own = all.contains(path) ? all.at(path) : all;
    const auto packed =
        tensor::quantize(dense, own.at("group_size").get<int>(), own.at("bits").get<int>());
    tensors.insert({path + ".weight", packed.weight});
    tensors.insert({path + ".scales", tensor::astype(packed.scales, mx::float16)});
    tensors.insert({path + ".biases", tensor::astype(*packed.biases, mx::float16)});
  }
  void vector(const std::string& name, int size, float mean) {
    tensors.insert({name, mx::random::normal({size}, mx::float32, mean, 0.1F, next())});
  }

  Tensors tensors;

 private:
  mx::array next() {
    const auto [first, second] = mx::random::split(key_);
    key_ = first;
    return second;
  }

  const base::Json& config_;
  mx::array key_;
};

// Every tensor a Llama of `config` needs; equal seeds give equal weights.
inline Tensors tiny_tensors(const base::Json& config, std::uint64_t seed = 1) {
  const auto size = [&](const char* key) { return config.at(key).get<int>(); };
  const int hidden = size("hidden_size");
  const int queries = size("num_attention_heads") * size("head_dim");
  const int keys = size("num_key_value_heads") * size("head_dim");
  const int inner = size("intermediate_size");
  TinyTensors made(config, seed);
  const auto linear = [&](const std::string& path, int out, int in, const char* bias) {
    made.matrix(path, out, in);
    if (config.value(bias, false)) {
      made.vector(path + ".bias", out, 0.0F);
    }
  };
  made.matrix("model.embed_tokens", size("vocab_size"), hidden);
  for (int i = 0; i < size("num_hidden_layers"); ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    linear(layer + "self_attn.q_proj", queries, hidden, "attention_bias");
    linear(layer + "self_attn.k_proj", keys, hidden, "attention_bias");
    linear(layer + "self_attn.v_proj", keys, hidden, "attention_bias");
    linear(layer + "self_attn.o_proj", hidden, queries, "attention_bias");
    linear(layer + "mlp.gate_proj", inner, hidden, "mlp_bias");
    linear(layer + "mlp.up_proj", inner, hidden, "mlp_bias");
    linear(layer + "mlp.down_proj", hidden, inner, "mlp_bias");
    made.vector(layer + "input_layernorm.weight", hidden, 1.0F);
    made.vector(layer + "post_attention_layernorm.weight", hidden, 1.0F);
  }
  made.vector("model.norm.weight", hidden, 1.0F);
  if (!config.at("tie_word_embeddings").get<bool>()) {
    made.matrix("lm_head", size("vocab_size"), hidden);
  }
  return made.tensors;
}

// Writes a folder that load_model() takes: config.json and model.safetensors.
inline void write_model(
    const std::filesystem::path& folder, const base::Json& config, const Tensors& tensors) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << config.dump(2);
  tensor::save_safetensors(folder / "model.safetensors", tensors, {{"format", "mlx"}});
}

inline void write_tiny_model(
    const std::filesystem::path& folder,
    const base::Json& config = tiny_config(),
    std::uint64_t seed = 1) {
  write_model(folder, config, tiny_tensors(config, seed));
}

}  // namespace hub::test
