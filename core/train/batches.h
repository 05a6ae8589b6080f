#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/data/examples.h"

namespace hub::train {

namespace mx = mlx::core;

// Indices into the rows, batch by batch.
using BatchPlan = std::vector<std::vector<std::size_t>>;

// Batches of up to `batch_size` rows of similar length. Every row of `order` is in exactly one
// batch; only one batch may be smaller. Rows are grouped by length inside windows of the given
// order, so that padding is small while membership still changes from epoch to epoch; then the
// batches are shuffled by `shuffle_seed`. The same arguments give the same plan on every platform.
BatchPlan plan_batches(
    std::span<const std::size_t> lengths,
    std::span<const std::size_t> order,
    std::size_t batch_size,
    std::uint64_t shuffle_seed);

// As plan_batches() over all rows, longest last, without chance: for evaluation.
BatchPlan plan_by_length(std::span<const std::size_t> lengths, std::size_t batch_size);

// How a batch is cut and padded.
struct BatchShape {
  int max_tokens = 2048;  // longer rows lose their end
  int pad_multiple = 32;  // inputs are padded to a multiple: few distinct shapes
  // Batches longer than kLongBatch are padded to a multiple of this instead, also beyond
  // max_tokens; 0: as the others. CUDA's fused gradient of attention needs multiples of 128.
  int long_pad_multiple = 0;
  static constexpr std::size_t kLongBatch = 256;
  // Only for comparing figures with mlx-lm: its default_loss also trains one pad position after
  // each padded row (mlx-lm issue 1697), and its cross-entropy is MLX's own.
  bool compat = false;
};

// What a forward and a loss need. B rows of L inputs; input t predicts token t + 1.
struct Batch {
  int rows = 0;                    // B
  int length = 0;                  // L
  std::vector<int> sequences;      // tokens of each, in order, B * L together: rows, or their parts
  mx::array inputs;                // [B * L] int32, padding (0) at the end of each row
  mx::array positions;             // [N] int32: where in `inputs` a target is trained
  mx::array targets;               // [N] int32: what those positions should predict
  std::size_t trained_tokens = 0;  // N
  std::size_t input_tokens = 0;    // without padding
  bool compat = false;             // BatchShape::compat
};

Batch make_batch(std::span<const data::Example> sequences, const BatchShape& shape);

// Trained tokens of a row that survive the cut to `max_tokens`.
std::size_t trained_count(const data::Example& sequence, int max_tokens);

}  // namespace hub::train
