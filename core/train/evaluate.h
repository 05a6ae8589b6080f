#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/models/language_model.h"
#include "core/nn/lora.h"
#include "core/train/batches.h"
#include "core/train/objective.h"
#include "core/train/process_group.h"
#include "core/train/rewards.h"
#include "core/train/trainable.h"

namespace hub::train {

struct EvalResult {
  double loss = 0.0;        // mean over all trained tokens of all rows, or over pairs (nats)
  double perplexity = 0.0;  // exp(loss)
  std::uint64_t tokens = 0;
  std::uint64_t rows = 0;
  std::optional<Rewards> rewards;  // means over pairs; of preference objectives
};

// Called between batches with the rows done so far; false ends the work.
using KeepGoing = std::function<bool(std::size_t rows_done)>;

// Token-weighted mean loss of `sequences` (of preference rows the chosen answer), with the adapter
// where one is given (without dropout); one evaluation of the graph a batch. Throws kUnprocessable
// (`no_trained_tokens`) when there is nothing to measure, kCancelled when `keep_going` says so.
EvalResult evaluate(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    const data::Examples& sequences,
    int batch_size,
    const BatchShape& shape,
    const KeepGoing& keep_going = {});

// The same of an objective's rows, by its own loss and weights. Collective: every rank measures its
// rows of each batch of `batch_size` rows a rank, and all get the result over all rows.
EvalResult evaluate(
    const PlacedModel& placed,
    Objective& objective,
    int batch_size,
    const KeepGoing& keep_going = {},
    const ProcessGroup& group = {});

}  // namespace hub::train
