#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"

// Model folders of a few kilobytes that pass every check, made without MLX.
namespace hub::test {

using TensorShapes = std::map<std::string, std::vector<int>>;

inline base::Json small_config() {
  return base::Json::parse(R"({
    "model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 4, "vocab_size": 16,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "tie_word_embeddings": true, "eos_token_id": 2})");
}

// Every tensor that small_config() asks for, unquantized.
inline TensorShapes small_tensors(int layers = 1) {
  TensorShapes shapes{{"model.embed_tokens.weight", {16, 8}}, {"model.norm.weight", {8}}};
  for (int layer = 0; layer < layers; ++layer) {
    const std::string path = fmt::format("model.layers.{}.", layer);
    for (const char* linear : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      shapes[path + "self_attn." + linear + ".weight"] = {8, 8};
    }
    for (const char* linear : {"gate_proj", "up_proj", "down_proj"}) {
      shapes[path + "mlp." + linear + ".weight"] = {8, 8};
    }
    shapes[path + "input_layernorm.weight"] = {8};
    shapes[path + "post_attention_layernorm.weight"] = {8};
  }
  return shapes;
}

// The factors of an adapter of rank 2 on the query projections of `layers` layers.
inline TensorShapes small_adapter_tensors(int layers = 1) {
  TensorShapes shapes;
  for (int layer = 0; layer < layers; ++layer) {
    const std::string path = fmt::format("model.layers.{}.self_attn.q_proj", layer);
    shapes[path + ".lora_a"] = {8, 2};
    shapes[path + ".lora_b"] = {2, 8};
  }
  return shapes;
}

// A safetensors file of float32 tensors whose bytes are all `fill`.
inline std::string safetensors_file(const TensorShapes& shapes, char fill = 1) {
  base::Json header = base::Json::object();
  std::uint64_t end = 0;
  for (const auto& [name, shape] : shapes) {
    std::uint64_t bytes = 4;
    for (const int dimension : shape) {
      bytes *= static_cast<std::uint64_t>(dimension);
    }
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  const std::string text = header.dump();
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    file[i] = static_cast<char>((text.size() >> (8 * i)) & 0xFFU);
  }
  return file + text + std::string(end, fill);
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

// Returns `folder`.
inline std::filesystem::path write_small_model(const std::filesystem::path& folder, char fill = 1) {
  write_bytes(folder / "config.json", small_config().dump());
  write_bytes(folder / "model.safetensors", safetensors_file(small_tensors(), fill));
  return folder;
}

// An adapter for it. `base_digest` is what it says it was trained on, "" for nothing.
inline std::filesystem::path write_small_adapter(
    const std::filesystem::path& folder, const std::string& base_digest = {}, char fill = 1) {
  base::Json config = base::Json::parse(
      R"({"fine_tune_type":"lora","num_layers":1,)"
      R"("lora_parameters":{"rank":2,"scale":20.0,"dropout":0.0,"keys":["self_attn.q_proj"]}})");
  if (!base_digest.empty()) {
    config["mlx_model_hub"] = {{"base_digest", base_digest}};
  }
  write_bytes(folder / "adapter_config.json", config.dump());
  write_bytes(folder / "adapters.safetensors", safetensors_file(small_adapter_tensors(), fill));
  return folder;
}

}  // namespace hub::test
