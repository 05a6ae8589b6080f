#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model_config/model_config.h"

namespace hub::model_config {

// A linear of a transformer layer.
struct LinearShape {
  std::string name;  // within the layer: "self_attn.q_proj"
  std::int64_t out;
  std::int64_t in;
  bool bias;
  int input;  // linears of a layer with equal numbers read the same array
  // Of a linear with a weight for each expert (nn/switch_linear.h): how many, and how many rows a
  // token has in its input and in its output.
  int experts = 0;
  int input_rows = 1;
  int output_rows = 1;
};

// A tensor of a layer that belongs to no linear.
struct TensorShape {
  std::string name;  // within the layer: "input_layernorm.weight"
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> published = {};  // before conversion by mlx-lm, where that differs
};

// What a layer consists of, as its family's file in core/models asks for it; linears in that order.
struct LayerShape {
  std::vector<LinearShape> linears;
  std::vector<TensorShape> others;
  std::int64_t cached;       // elements of a token that stay in the cache while it is served
  std::int64_t activations;  // elements of a token that wait for the backward pass, beside the
                             // inputs of adapted linears
  std::int64_t state = 0;    // elements of a sequence that stay, whatever its length
};

LayerShape layer_shape(const ModelConfig& config, int layer);

// What a model has outside its layers beside the embedding table and, of a decoder, the final norm
// and the output head, by whole names: what Gemma 4 makes its layers' inputs of, an encoder's other
// tables and its first norm.
LayerShape outer_shape(const ModelConfig& config);

// Whether the family's sanitize() in mlx_lm/models drops the tensor: it belongs to nobody, and is
// no complaint.
bool is_dropped(const ModelConfig& config, const std::string& tensor);

// Where the weight of one expert of the switch linear at `path` ("….mlp.switch_mlp.up_proj") lies
// in folders that were not converted by mlx-lm: "….mlp.experts.3.up_proj".
std::string unstacked_expert(const std::string& path, int expert);

}  // namespace hub::model_config
