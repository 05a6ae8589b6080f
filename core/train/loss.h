#pragma once

#include <functional>

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "core/train/batches.h"

namespace hub::train {

// -log softmax(logits)[target] of each of the batch's trained targets, in their order: float32
// [trained_tokens]. Only the trained positions are taken before the output matrix, which saves its
// product and its gradient for prompts and padding. At most model_config::loss_chunk_rows() rows
// have logits at a time; under a gradient, theirs is computed beside them, so that neither is kept.
// Requires trained_tokens > 0. Only builds a graph.
mx::array target_losses(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch);

// Their sum, a float32 scalar; the loss is this divided by batch.trained_tokens. The same number as
// mlx_lm's default_loss, which computes the logits of every position and multiplies the others
// by 0.
mx::array masked_loss_sum(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch);

// Logits of rows of hidden states [rows, hidden_size] -> [rows, vocab_size] float32. Pure.
using Head = std::function<mx::array(const mx::array& hidden)>;
// Losses [rows] float32 of logits for targets [rows] int32.
using RowLoss = std::function<mx::array(const mx::array& logits, const mx::array& targets)>;

// `loss` [rows] of the logits that `head` makes of `hidden`, `chunk_rows` rows at a time; a row's
// loss depends on that row alone. Differentiable in `hidden`, not in what `head` holds: that must
// not be traced (else the logits are made all at once).
mx::array chunked_losses(
    const Head& head,
    const RowLoss& loss,
    const mx::array& hidden,
    const mx::array& targets,
    int chunk_rows);

}  // namespace hub::train
