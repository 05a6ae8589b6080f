#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model_config/finetune_params.h"

namespace hub::train {

// Which modules `target_modules` and `num_layers` of a job mean. A name is a module's whole path
// ("model.layers.3.mlp.up_proj", "lm_head"), or its name relative to a layer or the last parts of
// that ("self_attn.q_proj", "q_proj"), which means it in the last `num_layers` layers (below 1: in
// all), or the last parts of a path outside the layers ("embed_tokens"). Without names: every
// module of those layers.
class Targets {
 public:
  // Throws kInvalidArgument when the model has fewer layers.
  Targets(const model_config::FinetuneParams& params, int layers);

  // Whether the module is meant; `layer` and `relative` as models::Adaptable says them.
  bool mean(const std::string& path, const std::optional<int>& layer, const std::string& relative);

  // After all modules were asked about. Throws kInvalidArgument naming target_modules when one of
  // them matches no module, with all there are.
  void check() const;

 private:
  std::optional<std::vector<std::string>> names_;
  int first_layer_;
  std::set<std::string> available_;
  std::set<std::string> matched_;
};

}  // namespace hub::train
