// Port of mlx_lm/models/qwen3_moe.py, without its caches: attention comes from outside (attend.h).
#include "core/models/qwen3_moe.h"

#include <optional>
#include <utility>

#include <mlx/ops.h>

#include "core/models/attention.h"
#include "core/models/decoder.h"
#include "core/models/mlp.h"
#include "core/models/switch_glu.h"
#include "core/models/transformer_block.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

class SparseMoeBlock {
 public:
  SparseMoeBlock(const ModelConfig& config, Weights& weights, const std::string& path)
      : gate(weights.linear(path + ".gate", config.hidden_size, config.experts->count, false)),
        switch_mlp(config, weights, path + ".switch_mlp"),
        top_k_(config.experts->per_token),
        norm_topk_prob_(config.experts->norm_topk_prob) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    const mx::array gates = mx::softmax(gate(x, adapters), 1, true);
    const mx::array experts = largest_of(gates, top_k_);
    mx::array scores = mx::take_along_axis(gates, experts, 1);
    if (norm_topk_prob_) {
      scores = mx::divide(scores, mx::sum(scores, 1, true));
    }
    return weighted_sum(switch_mlp(x, experts, adapters), scores);
  }

  nn::Linear gate;
  SwitchGlu switch_mlp;

 private:
  int top_k_;
  bool norm_topk_prob_;
};

// Of a layer: experts, or a plain MLP where config.json says so.
class MoeMlp {
 public:
  MoeMlp(const ModelConfig& config, Weights& weights, const std::string& path, int layer) {
    if (config.is_sparse(layer)) {
      sparse_.emplace(config, weights, path);
    } else {
      dense_.emplace(config, weights, path, layer);
    }
  }

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    return sparse_ ? (*sparse_)(x, adapters) : (*dense_)(x, adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return sparse_ ? std::vector<const nn::Linear*>{&sparse_->gate} : dense_->linears();
  }
  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const {
    return sparse_ ? sparse_->switch_mlp.switch_linears() : std::vector<const nn::SwitchLinear*>{};
  }

 private:
  std::optional<SparseMoeBlock> sparse_;
  std::optional<Mlp> dense_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_qwen3_moe(const ModelConfig& config, Weights weights) {
  return std::make_unique<Decoder<TransformerBlock<Attention, MoeMlp>>>(config, std::move(weights));
}

}  // namespace hub::models
