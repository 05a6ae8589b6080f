#include "core/train/loss.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/barrier.h"
#include "core/kernels/cross_entropy.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/attend.h"
#include "core/tensor/ops.h"
#include "core/train/batch_size.h"

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

mx::array rows_of(const mx::array& x, int begin, int end) {
  mx::Shape from(x.ndim(), 0);
  mx::Shape to = x.shape();
  from[0] = begin;
  to[0] = end;
  return mx::slice(x, from, to);
}

// The losses of chunks of rows, one chunk after another, and with `with_gradient` the gradient of
// each row's with respect to that row of `hidden`: {losses} or {losses, gradients}.
class ChunkedLosses {
 public:
  ChunkedLosses(Head head, RowLoss loss, mx::array targets, int chunk_rows, bool with_gradient)
      : head_(std::move(head)),
        loss_(std::move(loss)),
        targets_(std::move(targets)),
        chunk_rows_(chunk_rows),
        with_gradient_(with_gradient) {}

  std::vector<mx::array> operator()(const std::vector<mx::array>& inputs) const {
    const mx::array& hidden = inputs[0];
    std::vector<mx::array> results;  // of the chunk before
    std::vector<mx::array> losses;
    std::vector<mx::array> gradients;
    for (int begin = 0; begin < hidden.shape(0); begin += chunk_rows_) {
      const int end = std::min(begin + chunk_rows_, hidden.shape(0));
      mx::array rows = rows_of(hidden, begin, end);
      if (!results.empty()) {  // not before those logits are gone
        rows = kernels::barrier(mx::depends({rows}, results)[0]);
      }
      results = chunk(rows, rows_of(targets_, begin, end));
      losses.push_back(results[0]);
      if (with_gradient_) {
        gradients.push_back(results[1]);
      }
    }
    std::vector<mx::array> outputs{mx::concatenate(losses, 0)};
    if (with_gradient_) {
      outputs.push_back(mx::concatenate(gradients, 0));
    }
    return outputs;
  }

 private:
  [[nodiscard]] std::vector<mx::array> chunk(
      const mx::array& rows, const mx::array& targets) const {
    if (!with_gradient_) {
      return {loss_(head_(rows), targets)};
    }
    const auto sum = [&](const std::vector<mx::array>& in) {
      const mx::array losses = loss_(head_(in[0]), targets);
      return std::vector<mx::array>{mx::sum(losses), losses};  // the gradient is the first's
    };
    auto [values, gradient] = mx::value_and_grad(sum, std::vector<int>{0})({rows});
    return {values[1], gradient[0]};
  }

  Head head_;
  RowLoss loss_;
  mx::array targets_;
  int chunk_rows_;
  bool with_gradient_;
};

}  // namespace

mx::array chunked_losses(
    const Head& head,
    const RowLoss& loss,
    const mx::array& hidden,
    const mx::array& targets,
    int chunk_rows) {
  const auto head_is_traced = [&] {
    return head(mx::zeros({1, hidden.shape(1)}, hidden.dtype())).is_tracer();
  };
  if (hidden.shape(0) <= chunk_rows || head_is_traced()) {
    return loss(head(hidden), targets);
  }
  const ChunkedLosses function(head, loss, targets, chunk_rows, hidden.is_tracer());
  if (!hidden.is_tracer()) {
    return function({hidden})[0];
  }
  const auto gradient = [](const std::vector<mx::array>& /*primals*/,
                           const std::vector<mx::array>& cotangents,
                           const std::vector<mx::array>& outputs) {
    const mx::array by_row = mx::expand_dims(cotangents[0], 1);
    return std::vector<mx::array>{outputs[1] * tensor::astype(by_row, outputs[1].dtype())};
  };
  return mx::custom_vjp(function, gradient)({hidden})[0];
}

mx::array target_losses(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch) {
  if (batch.trained_tokens == 0) {
    throw base::Error(base::ErrorCode::kInternal, "a loss over no trained token was asked for");
  }
  const auto attend = models::causal_attend(model, batch.sequences);
  const auto spans = all_rows(adapter, batch.rows * batch.length);
  const mx::array hidden = model.hidden(batch.inputs, attend, spans);

  const mx::array trained = mx::take(hidden, batch.positions, 0);
  const Head head = [&](const mx::array& rows) {
    const auto spans_of_rows = all_rows(adapter, rows.shape(0));
    return tensor::astype(model.logits(rows, spans_of_rows), mx::float32);
  };
  const RowLoss loss = batch.compat ? stock_cross_entropy : kernels::cross_entropy;
  return chunked_losses(
      head,
      loss,
      trained,
      batch.targets,
      model_config::loss_chunk_rows(model.config().vocab_size, activations_here()));
}

mx::array masked_loss_sum(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch) {
  return mx::sum(target_losses(model, adapter, batch));
}

}  // namespace hub::train
