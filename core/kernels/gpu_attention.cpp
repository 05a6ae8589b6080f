#include "core/kernels/gpu_attention.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mlx/ops.h>

#include "core/kernels/batch_invariance.h"
#include "core/kernels/ragged_attention_cuda.h"

namespace hub::kernels {

namespace {

// Rows of a sequence up to which the ragged kernels, which read it once for each, are the quicker.
constexpr int kFewRows = 64;

class Attention {
 public:
  Attention(
      const RotaryEmbedding& rotation,
      const AttentionShape& shape,
      const std::optional<mx::array>& sinks,
      StepTables& tables)
      : rotation_(rotation), shape_(shape), sinks_(sinks), tables_(tables) {}

  // Of sequences whose rows are those of q, k and v.
  CachedAttention operator()(
      const mx::array& q,
      const mx::array& k,
      const mx::array& v,
      std::vector<CachedSequence> sequences,
      bool ragged) const {
    if (ragged) {
      return ragged_attention_cuda(
          q, k, v, rotation_, std::move(sequences), shape_, sinks_, tables_);
    }
    if (batch_invariant()) {
      return row_by_row(q, k, v, std::move(sequences));
    }
    return composed_cached_attention(q, k, v, rotation_, sequences, shape_, sinks_);
  }

 private:
  [[nodiscard]] CachedAttention row_by_row(
      const mx::array& q,
      const mx::array& k,
      const mx::array& v,
      std::vector<CachedSequence> sequences) const {
    std::vector<mx::array> out;
    std::vector<CachedAttention::Layer> caches;
    int row = 0;
    const auto next = [&row](const mx::array& x) {
      return mx::slice(x, {row, 0}, {row + 1, x.shape(1)});
    };
    for (CachedSequence& sequence : sequences) {
      const int end = sequence.position + std::exchange(sequence.rows, 1);
      for (; sequence.position < end; ++sequence.position, ++row) {
        auto step = composed_cached_attention(
            next(q), next(k), next(v), rotation_, {sequence}, shape_, sinks_);
        out.push_back(std::move(step.out));
        sequence.keys = std::move(step.caches[0].keys);
        sequence.values = std::move(step.caches[0].values);
      }
      caches.push_back({std::move(sequence.keys), std::move(sequence.values)});
    }
    return {mx::concatenate(out, 0), std::move(caches)};
  }

  const RotaryEmbedding& rotation_;
  const AttentionShape& shape_;
  const std::optional<mx::array>& sinks_;
  StepTables& tables_;
};

bool has_few_rows(const CachedSequence& sequence) {
  return sequence.rows <= kFewRows;
}

}  // namespace

CachedAttention gpu_cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables& tables) {
  const Attention attend(rotation, shape, sinks, tables);
  const bool can = has_ragged_attention(q, sequences, shape);
  if (batch_invariant() || !can) {
    return attend(q, k, v, std::move(sequences), can);
  }
  std::vector<mx::array> out;
  std::vector<CachedAttention::Layer> caches;
  int row = 0;
  for (auto from = sequences.begin(); from != sequences.end();) {
    const bool few = has_few_rows(*from);
    std::vector<CachedSequence> some;
    int rows = 0;
    for (; from != sequences.end() && has_few_rows(*from) == few; ++from) {
      rows += from->rows;
      some.push_back(std::move(*from));
    }
    const auto part = [&](const mx::array& x) {
      return rows == x.shape(0) ? x : mx::slice(x, {row, 0}, {row + rows, x.shape(1)});
    };
    auto step = attend(part(q), part(k), part(v), std::move(some), few);
    out.push_back(std::move(step.out));
    std::ranges::move(step.caches, std::back_inserter(caches));
    row += rows;
  }
  return {out.size() == 1 ? out.front() : mx::concatenate(out, 0), std::move(caches)};
}

}  // namespace hub::kernels
