#include "core/train/loss.h"

#include <array>
#include <vector>

#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cross_entropy.h"
#include "core/models/attend.h"
#include "core/tensor/ops.h"

namespace hub::train {
namespace {

std::vector<nn::AdapterSpan> all_rows(const nn::LoraAdapter* adapter, int rows) {
  if (adapter == nullptr) {
    return {};
  }
  return {nn::AdapterSpan{adapter, 0, rows}};
}

// As mlx.nn.losses.cross_entropy. On a CPU its float32 sum over a large vocabulary is off by about
// 1e-4.
mx::array stock_cross_entropy(const mx::array& logits, const mx::array& targets) {
  const mx::array chosen = mx::take_along_axis(logits, mx::expand_dims(targets, 1), 1);
  return mx::logsumexp(logits, 1) - mx::squeeze(chosen, 1);
}

}  // namespace

mx::array masked_loss_sum(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch) {
  if (batch.trained_tokens == 0) {
    throw base::Error(base::ErrorCode::kInternal, "a loss over no trained token was asked for");
  }
  const auto attend = models::causal_attend(model.config(), batch.sequences);
  const auto spans = all_rows(adapter, batch.rows * batch.length);
  const mx::array hidden = model.hidden(batch.inputs, attend, spans);

  const mx::array trained = mx::take(hidden, batch.positions, 0);
  const auto trained_spans = all_rows(adapter, static_cast<int>(batch.trained_tokens));
  const mx::array logits = tensor::astype(model.logits(trained, trained_spans), mx::float32);

  return mx::sum(
      batch.compat ? stock_cross_entropy(logits, batch.targets)
                   : kernels::cross_entropy(logits, batch.targets));
}

}  // namespace hub::train
