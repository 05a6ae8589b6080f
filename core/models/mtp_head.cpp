#include "core/models/mtp_head.h"

#include <mlx/ops.h>

namespace hub::models {

using model_config::ModelConfig;

MtpHead::MtpHead(const ModelConfig& config, Weights& weights, const MakeLayer& make_layer)
    : config_(config),
      weight_bytes_(weights.bytes()),
      pre_fc_norm_embedding_(weights.rms_norm(
          config.path("mtp.pre_fc_norm_embedding"), config.hidden_size, config.rms_norm_eps)),
      pre_fc_norm_hidden_(weights.rms_norm(
          config.path("mtp.pre_fc_norm_hidden"), config.hidden_size, config.rms_norm_eps)),
      fc_(weights.linear(config.path("mtp.fc"), 2 * config.hidden_size, config.hidden_size, false)),
      layer_(make_layer(weights, config.path("mtp.layers.0"))),
      norm_(weights.rms_norm(config.path("mtp.norm"), config.hidden_size, config.rms_norm_eps)),
      attention_(attention_of_layers(config)) {
  weight_bytes_ = weights.bytes() - weight_bytes_;
}

mx::array MtpHead::operator()(
    const mx::array& embedded, const mx::array& hidden, const Attend& attend) const {
  const mx::array both =
      mx::concatenate({pre_fc_norm_embedding_(embedded), pre_fc_norm_hidden_(hidden)}, 1);
  return norm_(layer_(fc_(both, {}), attend));
}

}  // namespace hub::models
