#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "tests/unit/models/family_case.h"

// A tiny Qwen3.5 with a head for further tokens.
namespace hub::models {

// The tensors of the head, random.
inline test::Tensors mtp_tensors(const base::Json& config, std::uint64_t seed = 3) {
  const auto size = [&](const char* key) { return config.at(key).get<int>(); };
  const int hidden = size("hidden_size");
  const int queries = size("num_attention_heads") * size("head_dim");
  const int keys = size("num_key_value_heads") * size("head_dim");
  const int inner = size("intermediate_size");
  test::TinyTensors made(config, seed);
  const std::string layer = "mtp.layers.0.";
  made.matrix("mtp.fc", hidden, 2 * hidden);
  made.matrix(layer + "self_attn.q_proj", 2 * queries, hidden);
  made.matrix(layer + "self_attn.k_proj", keys, hidden);
  made.matrix(layer + "self_attn.v_proj", keys, hidden);
  made.matrix(layer + "self_attn.o_proj", hidden, queries);
  made.matrix(layer + "mlp.gate_proj", inner, hidden);
  made.matrix(layer + "mlp.up_proj", inner, hidden);
  made.matrix(layer + "mlp.down_proj", hidden, inner);
  made.vector(layer + "self_attn.q_norm.weight", size("head_dim"), 1.0F);
  made.vector(layer + "self_attn.k_norm.weight", size("head_dim"), 1.0F);
  for (const char* norm :
       {"mtp.pre_fc_norm_embedding",
        "mtp.pre_fc_norm_hidden",
        "mtp.norm",
        "mtp.layers.0.input_layernorm",
        "mtp.layers.0.post_attention_layernorm"}) {
    made.vector(std::string(norm) + ".weight", hidden, 1.0F);
  }
  return made.tensors;
}

// What the head does to be right about a model of let_layers_add_nothing(), or, with
// `sign` -1, to find likeliest what that finds least likely.
inline void let_head_repeat_the_embedding(test::Tensors& tensors, float sign) {
  const int hidden = tensors.at("mtp.fc.weight").shape(0);
  tensors.at("mtp.fc.weight") = mx::concatenate(
      {mx::multiply(mx::eye(hidden), mx::array(sign)), mx::zeros({hidden, hidden})}, 1);
  tensors.at("mtp.pre_fc_norm_embedding.weight") = mx::ones({hidden});
  tensors.at("mtp.norm.weight") = tensors.at("model.norm.weight");
}

// Layers that add nothing: what comes next follows from a token alone.
inline void let_layers_add_nothing(test::Tensors& tensors) {
  for (auto& [name, tensor] : tensors) {
    const bool adds = name.ends_with("o_proj.weight") || name.ends_with("out_proj.weight") ||
                      name.ends_with("down_proj.weight");
    if (adds) {
      tensor = mx::zeros_like(tensor);
    }
  }
}

class MtpCase {
 public:
  MtpCase() : config(golden.config()), tensors(golden.tensors()) {
    tensors.merge(mtp_tensors(config));
  }
  // The head is always right about what the model finds likeliest; with `sign` -1 never.
  static MtpCase rigged(float sign) {
    MtpCase made;
    let_layers_add_nothing(made.tensors);
    let_head_repeat_the_embedding(made.tensors, sign);
    return made;
  }

  void write(const std::filesystem::path& folder) const {
    test::write_model(folder, config, tensors);
  }
  [[nodiscard]] std::unique_ptr<LanguageModel> load(bool with_head = true) const {
    const test::TempDir folder;
    write(folder.path());
    return load_model(folder.path(), {.mtp_head = with_head});
  }

  const FamilyCase golden{"qwen3_5"};
  base::Json config;
  test::Tensors tensors;
};

}  // namespace hub::models
