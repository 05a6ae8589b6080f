#pragma once

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "core/train/batches.h"

namespace hub::train {

// Sum over the batch's trained targets of -log softmax(logits)[target], float32 scalar; the loss is
// this divided by batch.trained_tokens. The same number as mlx_lm's default_loss, which computes
// the logits of every position and multiplies the others by 0; here only the trained positions are
// taken before the output matrix, which saves its product and its gradient for prompts and padding.
// Requires trained_tokens > 0. Only builds a graph.
mx::array masked_loss_sum(
    const models::LanguageModel& model, const nn::LoraAdapter* adapter, const Batch& batch);

}  // namespace hub::train
