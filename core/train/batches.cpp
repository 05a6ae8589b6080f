#include "core/train/batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/data/split.h"

namespace hub::train {
namespace {

constexpr std::size_t kFewestInWindow = 4;
constexpr std::size_t kMostInWindow = 64;

// Batches whose rows may be exchanged for the sake of less padding: not all of an epoch's, or the
// same rows would meet in every epoch.
std::size_t window_batches(std::size_t rows, std::size_t batch_size) {
  return std::clamp(rows / batch_size / 4, kFewestInWindow, kMostInWindow);
}

// As data::epoch_order() shuffles rows: std::shuffle differs between libraries.
template <typename T>
void shuffle(std::vector<T>& items, std::uint64_t seed) {
  data::SplitMix64 random(seed);
  for (std::size_t left = items.size(); left > 1; --left) {
    std::swap(items[left - 1], items[static_cast<std::size_t>(random.below(left))]);
  }
}

// Appends `rows`, which become sorted by length, in batches.
void append_batches(
    BatchPlan& plan,
    std::vector<std::size_t> rows,
    std::span<const std::size_t> lengths,
    std::size_t batch_size) {
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t left, std::size_t right) {
    return lengths[left] < lengths[right];
  });
  for (std::size_t begin = 0; begin < rows.size(); begin += batch_size) {
    const std::size_t end = std::min(rows.size(), begin + batch_size);
    plan.emplace_back(
        rows.begin() + static_cast<std::ptrdiff_t>(begin),
        rows.begin() + static_cast<std::ptrdiff_t>(end));
  }
}

std::size_t cut_length(const data::Example& sequence, int max_tokens) {
  return std::min(sequence.tokens.size(), static_cast<std::size_t>(max_tokens));
}

// Inputs of the batch: one less than its longest row (its last token is only a target), rounded up.
int padded_length(std::span<const data::Example> sequences, const BatchShape& shape) {
  std::size_t longest = 2;
  for (const data::Example& sequence : sequences) {
    longest = std::max(longest, cut_length(sequence, shape.max_tokens));
  }
  const std::size_t needed = shape.compat ? longest : longest - 1;
  const auto rounded_up = [&](int multiple) {
    const auto unit = static_cast<std::size_t>(std::max(1, multiple));
    return (needed + unit - 1) / unit * unit;
  };
  if (shape.long_pad_multiple > 0 && needed > BatchShape::kLongBatch) {
    return static_cast<int>(rounded_up(shape.long_pad_multiple));
  }
  const std::size_t padded = rounded_up(shape.pad_multiple);
  const std::size_t limit = static_cast<std::size_t>(std::max(1, shape.max_tokens - 1));
  return static_cast<int>(std::min(padded, std::max(limit, longest - 1)));
}

// Lengths of the row's sequences in `length` inputs; what pads belongs to the last one.
void append_parts(const data::Example& row, int length, std::vector<int>& parts) {
  int begin = 0;
  for (const std::size_t start : row.packed) {
    const int next = static_cast<int>(start);
    if (next >= length) {
      break;
    }
    parts.push_back(next - begin);
    begin = next;
  }
  parts.push_back(length - begin);
}

mx::array int_array(const std::vector<int>& values) {
  return mx::array(values.begin(), mx::Shape{static_cast<int>(values.size())}, mx::int32);
}

}  // namespace

BatchPlan plan_batches(
    std::span<const std::size_t> lengths,
    std::span<const std::size_t> order,
    std::size_t batch_size,
    std::uint64_t shuffle_seed) {
  BatchPlan plan;
  batch_size = std::max<std::size_t>(1, batch_size);
  const std::size_t window = window_batches(order.size(), batch_size) * batch_size;
  for (std::size_t begin = 0; begin < order.size(); begin += window) {
    const auto rows = order.subspan(begin, std::min(window, order.size() - begin));
    append_batches(plan, {rows.begin(), rows.end()}, lengths, batch_size);
  }
  shuffle(plan, shuffle_seed);
  return plan;
}

BatchPlan plan_by_length(std::span<const std::size_t> lengths, std::size_t batch_size) {
  std::vector<std::size_t> rows(lengths.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  BatchPlan plan;
  append_batches(plan, std::move(rows), lengths, std::max<std::size_t>(1, batch_size));
  return plan;
}

Batch make_batch(std::span<const data::Example> sequences, const BatchShape& shape) {
  const int length = padded_length(sequences, shape);
  const auto width = static_cast<std::size_t>(length);
  std::vector<int> inputs(sequences.size() * width, 0);
  std::vector<int> positions;
  std::vector<int> targets;
  std::vector<int> parts;
  std::size_t input_tokens = 0;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const data::Example& sequence = sequences[row];
    const std::size_t tokens = cut_length(sequence, shape.max_tokens);
    const std::size_t begin = row * width;
    for (std::size_t t = 0; t < std::min(tokens, width); ++t) {
      inputs[begin + t] = sequence.tokens[t];
    }
    input_tokens += tokens;
    append_parts(sequence, length, parts);
    for (std::size_t t = 1; t < tokens; ++t) {
      if (sequence.trained[t] != 0) {
        positions.push_back(static_cast<int>(begin + t - 1));
        targets.push_back(sequence.tokens[t]);
      }
    }
    if (shape.compat && tokens >= 1 && tokens <= width) {
      positions.push_back(static_cast<int>(begin + tokens - 1));
      targets.push_back(0);
    }
  }
  return {
      static_cast<int>(sequences.size()),
      length,
      std::move(parts),
      int_array(inputs),
      int_array(positions),
      int_array(targets),
      positions.size(),
      input_tokens,
      shape.compat};
}

std::size_t trained_count(const data::Example& sequence, int max_tokens) {
  const std::size_t tokens = cut_length(sequence, max_tokens);
  std::size_t count = 0;
  for (std::size_t t = 1; t < tokens; ++t) {
    count += sequence.trained[t] != 0 ? 1U : 0U;
  }
  return count;
}

}  // namespace hub::train
