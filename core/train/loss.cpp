#include "core/train/loss.h"

#include <array>
#include <vector>

#include <mlx/ops.h>

#include "core/base/error.h"
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

}  // namespace

mx::array masked_loss_sum(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch) {
  if (batch.trained_tokens == 0) {
    throw base::Error(base::ErrorCode::kInternal, "a loss over no trained token was asked for");
  }
  const auto attend = models::causal_attend(model.config(), batch.rows, batch.length);
  const auto spans = all_rows(adapter, batch.rows * batch.length);
  const mx::array hidden = model.hidden(batch.inputs, attend, spans);

  const mx::array trained = mx::take(hidden, batch.positions, 0);
  const auto trained_spans = all_rows(adapter, static_cast<int>(batch.trained_tokens));
  const mx::array logits = tensor::astype(model.logits(trained, trained_spans), mx::float32);

  const mx::array targets = mx::expand_dims(batch.targets, 1);
  const mx::array chosen = mx::squeeze(mx::take_along_axis(logits, targets, 1), 1);
  return mx::sum(mx::logsumexp(logits, 1) - chosen);
}

}  // namespace hub::train
