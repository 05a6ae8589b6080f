#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/models/weights.h"
#include "core/nn/linear.h"
#include "core/nn/rms_norm.h"

namespace hub::models {

// The head with which a model predicts one token more (multi-token prediction: DeepSeek-V3,
// arXiv:2412.19437 section 2.2; which tensors and in which order: vLLM's qwen3_5_mtp.py). From the
// model's hidden state h of token t, after the final norm, and the next token:
//   h' = norm(layer(fc([pre_fc_norm_embedding(embedding(token t + 1)), pre_fc_norm_hidden(h)])))
// of which LanguageModel::logits() makes those of token t + 2. With h' in place of h, and that
// token, it goes on to the ones after it. The layer has attention, over the rows of the head alone.
// Only builds graphs; belongs to the one thread that owns MLX.
class MtpHead {
 public:
  // x [rows, hidden_size] -> same
  using Layer = std::function<mx::array(const mx::array& x, const Attend& attend)>;
  using MakeLayer = std::function<Layer(Weights& weights, const std::string& path)>;

  // The tensors under "mtp."; `config` is that of a model with the head's one layer.
  MtpHead(const model_config::ModelConfig& config, Weights& weights, const MakeLayer& make_layer);

  // embedded [rows, hidden_size]: the vectors of the tokens after those of `hidden` [rows,
  // hidden_size] -> same. `attend`: cached_attend() over attention() and caches of config().
  [[nodiscard]] mx::array operator()(
      const mx::array& embedded, const mx::array& hidden, const Attend& attend) const;

  // Of one layer with attention: what a cache of the head's rows is made from.
  [[nodiscard]] const model_config::ModelConfig& config() const { return config_; }
  [[nodiscard]] const std::vector<LayerAttention>& attention() const { return attention_; }
  // Of the tensors that are the head's own.
  [[nodiscard]] std::uint64_t weight_bytes() const { return weight_bytes_; }

 private:
  model_config::ModelConfig config_;
  std::uint64_t weight_bytes_;
  nn::RmsNorm pre_fc_norm_embedding_;
  nn::RmsNorm pre_fc_norm_hidden_;
  nn::Linear fc_;
  Layer layer_;
  nn::RmsNorm norm_;
  std::vector<LayerAttention> attention_;
};

}  // namespace hub::models
