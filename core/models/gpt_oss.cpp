// Port of mlx_lm/models/gpt_oss.py, without its caches: attention comes from outside (attend.h).
#include "core/models/gpt_oss.h"

#include <utility>

#include <mlx/ops.h>

#include "core/models/attention.h"
#include "core/models/decoder.h"
#include "core/models/switch_glu.h"
#include "core/models/transformer_block.h"
#include "core/nn/clipped_swiglu.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

class MlpBlock {
 public:
  MlpBlock(const ModelConfig& config, Weights& weights, const std::string& path, int /*layer*/)
      : experts(config, weights, path + ".experts", true, nn::clipped_swiglu),
        router(weights.linear(path + ".router", config.hidden_size, config.experts->count, true)),
        top_k_(config.experts->per_token) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    const mx::array scores = router(x, adapters);
    const mx::array chosen = largest_of(scores, top_k_);
    const mx::array weights = mx::softmax(mx::take_along_axis(scores, chosen, 1), 1, true);
    return weighted_sum(experts(x, chosen, adapters), weights);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const { return {&router}; }
  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const {
    return experts.switch_linears();
  }

  SwitchGlu experts;
  nn::Linear router;

 private:
  int top_k_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_gpt_oss(const ModelConfig& config, Weights weights) {
  return std::make_unique<Decoder<TransformerBlock<Attention, MlpBlock>>>(
      config, std::move(weights));
}

}  // namespace hub::models
