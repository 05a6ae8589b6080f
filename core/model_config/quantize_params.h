#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model_config/model_config.h"

namespace hub::model_config {

// The settings of a quantization job: what POST /jobs accepts under "params" and what the worker
// gets. Every field has its default here, its range in from_json() and a line in docs/training.md.
struct QuantizeParams {
  Quantization quantization;  // "mode", "bits", "group_size"; absent ones: the mode's own
  std::string recipe;         // "": none; affine only: mixed_2_6, mixed_3_4, mixed_3_6, mixed_4_6
  // By module path, or by the end of paths ("self_attn.v_proj", "lm_head"); absent value: stays as
  // it is. The longest name that fits a path holds.
  std::map<std::string, std::optional<Quantization>> overrides;
  std::optional<std::string> dtype;  // of what is not packed; absent: config.json's torch_dtype
  bool check = true;                 // measure what it did to the logits

  // Throws kInvalidArgument naming the field, what is possible and what came; refuses unknown
  // fields.
  static QuantizeParams from_json(const base::Json& json, const std::string& path);
  [[nodiscard]] base::Json to_json() const;
};

// What each matrix of a model becomes.
class QuantizationPlan {
 public:
  // `paths`: every matrix. Throws kUnprocessable when the recipe has nothing to go by, and
  // kInvalidArgument for an override that fits no path.
  QuantizationPlan(QuantizeParams params, const std::vector<std::string>& paths, int num_layers);

  // nullopt: stays as it is.
  [[nodiscard]] std::optional<Quantization> of(const std::string& path) const;
  // config.json has to name it: it is not packed by the default.
  [[nodiscard]] bool is_named(const std::string& path) const;

 private:
  [[nodiscard]] const std::optional<Quantization>* override_of(const std::string& path) const;
  // mlx_lm/convert.py › mixed_quant_predicate
  [[nodiscard]] Quantization by_recipe(const std::string& path) const;

  QuantizeParams params_;
  int num_layers_;
  std::size_t layer_place_ = 0;  // of the layer's number between the dots of a path
};

}  // namespace hub::model_config
