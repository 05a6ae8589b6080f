#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>

#include "core/models/language_model.h"
#include "core/models/mtp_head.h"
#include "core/models/weights.h"
#include "core/nn/embedding.h"
#include "core/nn/recompute.h"
#include "core/nn/rms_norm.h"
#include "core/tensor/ops.h"

namespace hub::models {

// What surrounds the blocks of a family: embedding, final norm, output head. A Block is made from
// (config, weights, layer), maps x [rows, hidden_size] to the same by (x, attend, adapters), and
// lists its linears() and, if it has experts, its switch_linears().
template <class Block>
class Decoder final : public LanguageModel {
 public:
  // Takes its tensors from `weights` and calls finish(). `mtp_head`, if any, was made from them.
  Decoder(
      const model_config::ModelConfig& config,
      Weights weights,
      std::unique_ptr<const MtpHead> mtp_head = nullptr)
      : config_(config),
        mtp_head_(std::move(mtp_head)),
        embed_tokens_(weights.embedding(
            config.path("model.embed_tokens"), config.vocab_size, config.hidden_size)),
        norm_(
            weights.rms_norm(config.path("model.norm"), config.hidden_size, config.rms_norm_eps)) {
    layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
      traced_.push_back(weights.traced(prefix_of(layer)));
      layers_.emplace_back(config, weights, layer);
    }
    if (!config.tie_word_embeddings) {
      lm_head_ =
          weights.linear(config.path("lm_head"), config.hidden_size, config.vocab_size, false);
    }
    weights.finish();
    weight_bytes_ = weights.bytes();
  }

  [[nodiscard]] const model_config::ModelConfig& config() const override { return config_; }

  [[nodiscard]] mx::array hidden(
      const mx::array& tokens, const Attend& attend, nn::AdapterSpans adapters) const override {
    mx::array h = embed_tokens_(tokens, adapters);
    if (config_.embedding_scale != 1.0F) {
      h = mx::multiply(h, mx::array(config_.embedding_scale, h.dtype()));
    }
    const bool recomputes = nn::recomputes(adapters);
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      h = recomputes ? recomputed(layer, h, attend, adapters) : layers_[layer](h, attend, adapters);
    }
    return norm_(h);
  }

  [[nodiscard]] mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const override {
    const mx::array out =
        lm_head_ ? (*lm_head_)(hidden, adapters) : embed_tokens_.as_linear(hidden, adapters);
    return tensor::astype(out, mx::float32);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const override {
    std::vector<const nn::Linear*> result;
    for (const Block& layer : layers_) {
      const auto own = layer.linears();
      result.insert(result.end(), own.begin(), own.end());
    }
    return result;
  }

  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const override {
    std::vector<const nn::SwitchLinear*> result;
    if constexpr (requires(const Block& block) { block.switch_linears(); }) {
      for (const Block& layer : layers_) {
        const auto own = layer.switch_linears();
        result.insert(result.end(), own.begin(), own.end());
      }
    }
    return result;
  }

  [[nodiscard]] const nn::Embedding* embedding() const override { return &embed_tokens_; }
  [[nodiscard]] const nn::Linear* output_head() const override {
    return lm_head_ ? &*lm_head_ : nullptr;
  }

  [[nodiscard]] const MtpHead* mtp_head() const override { return mtp_head_.get(); }

  [[nodiscard]] std::uint64_t weight_bytes() const override { return weight_bytes_; }

 private:
  using Arrays = std::unordered_map<std::string, mx::array>;  // by name

  [[nodiscard]] std::string prefix_of(int layer) const { return config_.layer_path(layer) + "."; }

  // The block as a function of its arrays: a traced one is made anew from those that it is given,
  // the others are copied, which copies no values. So it may be called when the model is gone.
  [[nodiscard]] mx::array recomputed(
      std::size_t layer,
      const mx::array& h,
      const Attend& attend,
      nn::AdapterSpans adapters) const {
    const auto index = static_cast<int>(layer);
    const Arrays& arrays = traced_[layer];
    std::vector<std::string> names;
    std::vector<mx::array> trained;
    for (const auto& [name, array] : arrays) {
      if (array.is_tracer()) {
        names.push_back(name);
        trained.push_back(array);
      }
    }
    if (names.empty()) {
      const nn::Block block = [own = layers_[layer], attend](
                                  const mx::array& x,
                                  nn::AdapterSpans spans,
                                  const std::vector<mx::array>& /*weights*/) {
        return own(x, attend, spans);
      };
      return nn::run_block(block, prefix_of(index), h, adapters);
    }
    const nn::Block block =
        [config = config_, arrays, names, index, attend](
            const mx::array& x, nn::AdapterSpans spans, const std::vector<mx::array>& given) {
          Arrays own = arrays;
          for (std::size_t i = 0; i < names.size(); ++i) {
            own.insert_or_assign(names[i], given[i]);
          }
          Weights weights(own, config);
          return Block(config, weights, index)(x, attend, spans);
        };
    return nn::run_block(block, prefix_of(index), h, adapters, trained);
  }

  model_config::ModelConfig config_;
  std::unique_ptr<const MtpHead> mtp_head_;
  nn::Embedding embed_tokens_;
  std::vector<Block> layers_;
  std::vector<Arrays> traced_;  // of each layer that has a traced array
  nn::RmsNorm norm_;
  std::optional<nn::Linear> lm_head_;  // absent: tied to embed_tokens_
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace hub::models
