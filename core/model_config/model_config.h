#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/model_config/pooling.h"

namespace hub::model_config {

// How a matrix is packed, `group_size` neighbours of a row together; quantization.h says which
// there are. Affine: w = scale * q + bias.
struct Quantization {
  int group_size = 64;
  int bits = 4;
  std::string mode = "affine";
};

// config.json as this project understands it. Field names follow transformers' LlamaConfig.
struct ModelConfig {
  std::string model_type;
  std::string prefix;  // before every module path: of the text model in a folder that also has
                       // other parts (text_part.h); else empty
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;  // default: hidden_size / num_attention_heads
  int vocab_size = 0;
  int max_position_embeddings = 2048;  // the context length in tokens
  float rms_norm_eps = 1e-5F;
  float rope_theta = 10000.0F;
  bool rope_traditional = false;
  int rotary_dim = 0;  // the first elements of a head that are rotated; 0: all
  // How the rotary embedding is stretched; absent: not at all. See core/nn/rope.h.
  struct RopeScaling {
    std::string type;                             // linear, llama3, longrope, yarn or proportional
    float factor = 1.0F;                          // of longrope: the context over the original one
    float low_freq_factor = 1.0F;                 // llama3
    float high_freq_factor = 4.0F;                // llama3
    int original_max_position_embeddings = 8192;  // all but linear
    std::vector<float> long_factor;               // longrope: of each pair
    float beta_fast = 32.0F;                      // yarn
    float beta_slow = 1.0F;                       // yarn
    float mscale = 1.0F;                          // yarn
    float mscale_all_dim = 0.0F;                  // yarn
    float rotated_part = 1.0F;                    // proportional: the share of pairs that turn
  };
  std::optional<RopeScaling> rope_scaling;
  std::optional<float> rope_local_theta;  // of layers that slide, unscaled; absent: as all layers
  std::set<int> no_rope_layers;           // layers without a rotary embedding
  std::optional<float> attention_scale;   // of the scores; absent: 1 / sqrt(head_dim)
  // How far a layer looks back: one entry a layer, or none when all layers see everything before.
  enum class LayerType { kFull, kSliding };
  std::vector<LayerType> layer_types;
  int sliding_window = 0;  // tokens that a sliding layer sees, its own included
  bool tie_word_embeddings = true;
  bool attention_bias = false;         // of q_proj, k_proj and v_proj
  bool attention_output_bias = false;  // of o_proj
  bool mlp_bias = false;
  // Layers with experts instead of one MLP; absent: none.
  struct Experts {
    int count = 0;
    int per_token = 0;            // chosen by the router
    int intermediate_size = 0;    // the inner width of one
    bool norm_topk_prob = false;  // the chosen ones' weights are made to add up to 1
    std::set<int> dense_layers;   // layers without
  };
  std::optional<Experts> experts;
  // What Gemma 4 has beside the above (mlx_lm/models/gemma4_text.py); absent: another family.
  struct Gemma4 {
    int global_head_dim = 512;       // of the layers that see everything
    int global_key_value_heads = 0;  // theirs
    bool keys_are_values = false;    // theirs: there is no v_proj
    int shared_layers = 20;          // the last layers attend to an earlier one's keys and values
    bool double_wide_mlp = true;     // those have twice the intermediate_size
    int layer_input_size = 256;      // of what each layer gets from a table of its own; 0: nothing
    int layer_vocab_size = 262144;   // rows of those tables
    float logit_cap = 30.0F;         // logits become cap * tanh(logits / cap); 0: they stay
  };
  std::optional<Gemma4> gemma4;
  // Layers with a gated delta rule (arXiv:2412.06464) where others have attention; absent: none.
  struct LinearAttention {
    int key_heads = 16;
    int value_heads = 64;
    int key_dim = 192;  // of a head
    int value_dim = 128;
    int kernel = 4;              // of the convolution before
    int attention_interval = 4;  // every so many layers one has attention

    // Queries, keys and values together.
    [[nodiscard]] int channels() const { return 2 * key_heads * key_dim + value_heads * value_dim; }
  };
  std::optional<LinearAttention> linear_attention;
  // A text encoder (encoder_config.h): every token sees its whole text, positions come from a
  // table. It makes embeddings and no text; absent: a decoder.
  struct Encoder {
    int positions = 512;     // rows of the position table
    int first_position = 0;  // the first token's row
    int token_types = 2;
    float layer_norm_eps = 1e-12F;
    bool gelu_by_tanh = false;
  };
  std::optional<Encoder> encoder;
  std::optional<Pooling> pooling;  // of embeddings, where the folder says it (encoder_config.h)
  int mtp_layers =
      0;  // of the head that predicts further tokens (models/mtp_head.h), if it has one
  // What follows from the family alone.
  bool qk_norm = false;          // each head of queries and keys is normed
  bool attention_sinks = false;  // each query head has a score without a value
  float norm_offset = 0.0F;      // norms multiply by their weight plus this
  float embedding_scale = 1.0F;  // embeddings are multiplied by this
  std::vector<int> eos_token_ids;
  std::optional<int> bos_token_id;
  std::optional<Quantization> quantization;  // of every linear and embedding that has `.scales`
  std::map<std::string, Quantization> quantization_overrides;  // by module path
  std::set<std::string> unquantized;  // module paths that config.json exempts ("<path>": false)

  // What config.json says of the module at `path`; nullopt when the model has none or exempts it.
  // The tensors have the last word where config.json names no path: see models/weights.h.
  [[nodiscard]] std::optional<Quantization> quantization_of(const std::string& path) const;

  // "model.norm" and the like as a module path of this model.
  [[nodiscard]] std::string path(std::string_view module) const {
    return prefix + std::string(module);
  }
  // The table of the tokens' vectors: a module path.
  [[nodiscard]] std::string embedding_path() const;
  // "model.layers.3"
  [[nodiscard]] std::string layer_path(int layer) const;
  // The reverse: the layer that a module or tensor is in; nullopt for what is outside of layers.
  [[nodiscard]] std::optional<int> layer_of(std::string_view name) const;

  // What of the above holds for one layer; 0: the layer sees everything before.
  [[nodiscard]] int window_of(int layer) const;
  [[nodiscard]] bool is_sparse(int layer) const;
  [[nodiscard]] bool is_recurrent(int layer) const;
  [[nodiscard]] int head_dim_of(int layer) const;
  [[nodiscard]] int key_value_heads_of(int layer) const;
  [[nodiscard]] int intermediate_size_of(int layer) const;
  // The layer whose keys and values `layer` attends to: itself, or an earlier one.
  [[nodiscard]] int key_value_layer_of(int layer) const;

  // Throws kUnprocessable naming each field that is missing, of another type, or inconsistent with
  // another; for a `model_type` that is not known, the list of those that are.
  static ModelConfig from_json(const base::Json& json);
  // Reads config.json in `folder`; eos ids of generation_config.json, where present, replace those
  // of config.json, as in mlx_lm/utils.py › load_config. Throws as from_json(), naming the file.
  static ModelConfig load(const std::filesystem::path& folder);
};

// Values of `model_type` that from_json() accepts.
std::span<const std::string_view> known_model_types();

}  // namespace hub::model_config
