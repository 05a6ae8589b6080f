#include "core/kernels/attention_step.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/kernels/attention_unit.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/quantized_rows.h"
#include "core/kernels/thread_pool.h"

namespace hub::kernels {

namespace {

constexpr int kQueriesPerUnit = 64;
constexpr int kRowsPerPart = 8;
// Multiply-adds below which other threads are not worth waking.
constexpr std::int64_t kWorthThreads = 100'000;
// Floats of partial results up to which few long units are cut at segments.
constexpr std::int64_t kMostPartialFloats = 1 << 20;

static_assert(kQueriesPerUnit <= kAttentionSegment);

class StepRunner {
 public:
  StepRunner(const CpuOps& ops, const AttentionStep& step)
      : ops_(ops),
        step_(step),
        dim_(step.shape.head_dim),
        kv_heads_(step.shape.kv_heads),
        group_(step.shape.heads / step.shape.kv_heads) {
    for (const auto& sequence : step.sequences) {
      total_rows_ += sequence.rows;
    }
    rotated_ = thread_scratch(std::size_t(total_rows_) * std::size_t(step.shape.heads * dim_), 1);
  }

  void rotate_all() {
    std::vector<std::pair<const AttentionStep::Sequence*, int>> rows;
    rows.reserve(std::size_t(total_rows_));
    for (const auto& sequence : step_.sequences) {
      for (int row = 0; row < sequence.rows; ++row) {
        rows.emplace_back(&sequence, row);
      }
    }
    const int parts = (total_rows_ + kRowsPerPart - 1) / kRowsPerPart;
    ThreadPool::shared().for_each(parts, [&](int part) {
      const int end = std::min(total_rows_, (part + 1) * kRowsPerPart);
      for (int i = part * kRowsPerPart; i < end; ++i) {
        rotate_row(*rows[std::size_t(i)].first, rows[std::size_t(i)].second);
      }
    });
  }

  void attend_all() {
    std::vector<AttentionUnit> units;
    std::int64_t work = 0;
    std::int64_t partial_floats = 0;
    const int rows_per_unit = std::max(1, kQueriesPerUnit / group_);
    for (const auto& sequence : step_.sequences) {
      const SeenRows seen = seen_rows(step_.shape.window, sequence.window);
      for (int begin = 0; begin < sequence.rows; begin += rows_per_unit) {
        const int rows = std::min(rows_per_unit, sequence.rows - begin);
        for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
          units.push_back(
              {&sequence, kv_head, begin, rows, seen.window, seen.sinks, step_.shape.causal});
          work += std::int64_t{2} * rows * group_ * dim_ * units.back().keys();
          partial_floats += std::int64_t{units.back().segments()} * partial_size(rows);
        }
      }
    }
    const auto count = static_cast<int>(units.size());
    auto& pool = ThreadPool::shared();
    if (work < kWorthThreads) {
      for (const auto& unit : units) {
        attend_unit(unit);
      }
    } else if (count < 4 * pool.threads() && partial_floats <= kMostPartialFloats) {
      attend_by_segments(units, partial_floats);
    } else {
      pool.for_each(count, [&](int i) { attend_unit(units[std::size_t(i)]); });
    }
  }

 private:
  [[nodiscard]] std::int64_t partial_size(int rows) const {
    return std::int64_t{rows} * group_ * (dim_ + 2);
  }

  // Of CpuOps::attend_segment.
  [[nodiscard]] std::size_t score_scratch(int queries) const {
    return std::size_t(queries + dim_) * kAttentionTile;
  }

  [[nodiscard]] PartialAttention partial(float* memory, int rows) const {
    const std::int64_t queries = std::int64_t{rows} * group_;
    return {memory + queries * dim_, memory + queries * (dim_ + 1), memory};
  }

  // Query head g of the group of a key/value head, row by row.
  [[nodiscard]] float* rotated(
      const AttentionStep::Sequence& sequence, int kv_head, int row) const {
    const std::int64_t first = std::int64_t{sequence.first_row} * step_.shape.heads;
    const std::int64_t query = (std::int64_t{kv_head} * sequence.rows + row) * group_;
    return rotated_ + (first + query) * dim_;
  }

  void rotate_row(const AttentionStep::Sequence& sequence, int row) const {
    const int position = sequence.position + row;
    float* cosines = thread_scratch(std::size_t(dim_) * std::size_t(1 + kv_heads_));
    float* sines = cosines + dim_ / 2;
    for (int i = 0; i < step_.rotated / 2; ++i) {
      const float angle = static_cast<float>(position) * step_.inv_freq[i];
      cosines[i] = std::cos(angle) * step_.shape.rope_scale;
      sines[i] = std::sin(angle) * step_.shape.rope_scale;
    }
    const Rotation rotation{cosines, sines, dim_, step_.rotated, step_.shape.rope_traditional};
    const std::int64_t token = sequence.first_row + row;
    const float* q = step_.q + token * step_.shape.heads * dim_;
    for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
      ops_.rotate_heads(
          rotation,
          q + std::int64_t{kv_head} * group_ * dim_,
          group_,
          step_.shape.scale,
          rotated(sequence, kv_head, row),
          dim_);
    }
    const float* k = step_.k + token * kv_heads_ * dim_;
    const float* v = step_.v + token * kv_heads_ * dim_;
    if (sequence.format.bits > 0) {
      float* keys = cosines + dim_;
      ops_.rotate_heads(rotation, k, kv_heads_, 1.0F, keys, dim_);
      const int width = row_width(sequence.format, dim_);
      for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
        const std::int64_t head = std::int64_t{kv_head} * dim_;
        const std::int64_t at = cache_row(sequence, kv_head, position) * width;
        const auto pack = [&](const float* heads, void* cache) {
          ops_.quantize_row(
              heads + head, sequence.format, dim_, static_cast<std::uint32_t*>(cache) + at);
        };
        pack(keys, sequence.keys);
        pack(v, sequence.values);
      }
      return;
    }
    const std::int64_t at = cache_row(sequence, 0, position) * dim_;
    const int stride = sequence.capacity * dim_;
    ops_.rotate_heads(
        rotation, k, kv_heads_, 1.0F, static_cast<float*>(sequence.keys) + at, stride);
    for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
      std::memcpy(
          static_cast<float*>(sequence.values) + std::int64_t{kv_head} * stride + at,
          v + std::int64_t{kv_head} * dim_,
          std::size_t(dim_) * sizeof(float));
    }
  }

  // The unit's rows, and the keys and values that they look at in that segment.
  [[nodiscard]] AttentionRows rows_of(const AttentionUnit& unit, int segment) const {
    // Without causality all rows stand where the last one does, and so see everything.
    AttentionRows rows{
        rotated(*unit.sequence, unit.kv_head, unit.begin),
        nullptr,
        nullptr,
        unit.rows * group_,
        unit.causal ? group_ : unit.rows * group_,
        unit.causal ? unit.first_position() : unit.last_position(),
        dim_,
        unit.window,
        0,
        unit.sinks,
        nullptr,
        nullptr};
    unit.find_keys(ops_, segment, dim_, rows);
    return rows;
  }

  void finish(const AttentionUnit& unit, const PartialAttention& total) const {
    for (int query = 0; query < unit.rows * group_; ++query) {
      const std::int64_t token = unit.sequence->first_row + unit.begin + query / group_;
      const std::int64_t head = unit.kv_head * group_ + query % group_;
      if (step_.sinks != nullptr) {
        ops_.add_sink(total, query, dim_, step_.sinks[head]);
      }
      ops_.finish_attention(
          total, query, dim_, step_.out + (token * step_.shape.heads + head) * dim_);
    }
  }

  void attend_unit(const AttentionUnit& unit) const {
    const int queries = unit.rows * group_;
    const auto size = std::size_t(partial_size(unit.rows));
    const std::size_t scratch = score_scratch(queries);
    float* scores = thread_scratch(scratch + 2 * size);
    float* memory = scores + scratch;
    const auto total = partial(memory, unit.rows);
    const auto next = partial(memory + size, unit.rows);
    for (int i = 0; i < unit.segments(); ++i) {
      const int segment = unit.segment(i);
      ops_.attend_segment(rows_of(unit, segment), segment, i == 0 ? total : next, scores);
      if (i > 0) {
        ops_.merge_attention(total, next, queries, dim_);
      }
    }
    finish(unit, total);
  }

  // Few long units (decoding): all segments at once, merged afterwards in order.
  void attend_by_segments(
      const std::vector<AttentionUnit>& units, std::int64_t partial_floats) const {
    struct Piece {
      const AttentionUnit* unit;
      int segment;
      float* memory;
    };
    std::vector<Piece> pieces;
    float* memory = thread_scratch(std::size_t(partial_floats), 2);
    for (const auto& unit : units) {
      for (int i = 0; i < unit.segments(); ++i) {
        pieces.push_back({&unit, unit.segment(i), memory});
        memory += partial_size(unit.rows);
      }
    }
    ThreadPool::shared().for_each(static_cast<int>(pieces.size()), [&](int i) {
      const auto& piece = pieces[std::size_t(i)];
      const AttentionRows rows = rows_of(*piece.unit, piece.segment);
      float* scores = thread_scratch(score_scratch(rows.rows));
      ops_.attend_segment(rows, piece.segment, partial(piece.memory, piece.unit->rows), scores);
    });
    for (std::size_t i = 0; i < pieces.size();) {
      const AttentionUnit& unit = *pieces[i].unit;
      const auto total = partial(pieces[i].memory, unit.rows);
      for (++i; i < pieces.size() && pieces[i].unit == &unit; ++i) {
        ops_.merge_attention(total, partial(pieces[i].memory, unit.rows), unit.rows * group_, dim_);
      }
      finish(unit, total);
    }
  }

  const CpuOps& ops_;
  const AttentionStep& step_;
  int dim_;
  int kv_heads_;
  int group_;
  int total_rows_ = 0;
  float* rotated_ = nullptr;
};

}  // namespace

void run_attention_step(const CpuOps& ops, const AttentionStep& step) {
  StepRunner runner(ops, step);
  runner.rotate_all();
  runner.attend_all();
}

}  // namespace hub::kernels
