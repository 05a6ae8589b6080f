#include "core/kernels/attention_step.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

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

// Some rows of one sequence for one key/value head: what one attend_segment call covers.
struct Unit {
  const AttentionStep::Sequence* sequence;
  int kv_head;
  int begin;  // row within the sequence
  int rows;
  int window;
  bool causal;

  [[nodiscard]] int first_position() const { return sequence->position + begin; }
  // The last position that its last row sees.
  [[nodiscard]] int last_position() const {
    return sequence->position + (causal ? begin + rows : sequence->rows) - 1;
  }
  [[nodiscard]] int first_key() const {
    return window > 0 ? std::max(0, first_position() - window + 1) : 0;
  }
  // Segments [first_segment(), end_segment()) are looked into. A unit spans fewer positions than a
  // segment, so that each of its rows sees something of the first two.
  [[nodiscard]] int first_segment() const { return first_key() / kAttentionSegment; }
  [[nodiscard]] int end_segment() const { return last_position() / kAttentionSegment + 1; }
  [[nodiscard]] int segments() const { return end_segment() - first_segment(); }
};
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
    std::vector<Unit> units;
    std::int64_t work = 0;
    std::int64_t partial_floats = 0;
    const int rows_per_unit = std::max(1, kQueriesPerUnit / group_);
    for (const auto& sequence : step_.sequences) {
      for (int begin = 0; begin < sequence.rows; begin += rows_per_unit) {
        const int rows = std::min(rows_per_unit, sequence.rows - begin);
        for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
          units.push_back(
              {&sequence, kv_head, begin, rows, step_.shape.window, step_.shape.causal});
          const int keys = units.back().last_position() + 1 - units.back().first_key();
          work += std::int64_t{2} * rows * group_ * dim_ * keys;
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
      for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
        const std::int64_t head = std::int64_t{kv_head} * dim_;
        ops_.quantize_row(
            keys + head,
            sequence.format,
            dim_,
            packed_row(sequence, sequence.keys, kv_head, position));
        ops_.quantize_row(
            v + head,
            sequence.format,
            dim_,
            packed_row(sequence, sequence.values, kv_head, position));
      }
      return;
    }
    const int stride = sequence.capacity * dim_;
    const std::int64_t at = std::int64_t{position} * dim_;
    ops_.rotate_heads(
        rotation, k, kv_heads_, 1.0F, static_cast<float*>(sequence.keys) + at, stride);
    for (int kv_head = 0; kv_head < kv_heads_; ++kv_head) {
      std::memcpy(
          static_cast<float*>(sequence.values) + std::int64_t{kv_head} * stride + at,
          v + std::int64_t{kv_head} * dim_,
          std::size_t(dim_) * sizeof(float));
    }
  }

  // In a cache in few bits.
  [[nodiscard]] std::uint32_t* packed_row(
      const AttentionStep::Sequence& sequence, void* cache, int kv_head, int position) const {
    const std::int64_t row = std::int64_t{kv_head} * sequence.capacity + position;
    return static_cast<std::uint32_t*>(cache) + row * row_width(sequence.format, dim_);
  }

  // The unit's rows, and the keys and values that they look at in that segment.
  [[nodiscard]] AttentionRows rows_of(const Unit& unit, int segment) const {
    const auto& sequence = *unit.sequence;
    const std::int64_t head = std::int64_t{unit.kv_head} * sequence.capacity * dim_;
    // Without causality all rows stand where the last one does, and so see everything.
    AttentionRows rows{
        rotated(sequence, unit.kv_head, unit.begin),
        nullptr,
        nullptr,
        unit.rows * group_,
        unit.causal ? group_ : unit.rows * group_,
        unit.causal ? unit.first_position() : unit.last_position(),
        dim_,
        unit.window,
        0};
    if (sequence.format.bits > 0) {
      unpack(unit, segment, rows);
    } else {
      rows.keys = static_cast<const float*>(sequence.keys) + head;
      rows.values = static_cast<const float*>(sequence.values) + head;
    }
    return rows;
  }

  void unpack(const Unit& unit, int segment, AttentionRows& rows) const {
    const auto& sequence = *unit.sequence;
    const int first_tile = unit.first_key() / kAttentionTile * kAttentionTile;
    const int begin = std::max(segment * kAttentionSegment, first_tile);
    const int end = std::min((segment + 1) * kAttentionSegment, unit.last_position() + 1);
    const std::int64_t size = std::int64_t{kAttentionSegment} * dim_;
    float* keys = thread_scratch(std::size_t(2 * size), 3);
    for (const auto& [cache, out] :
         {std::pair(sequence.keys, keys), std::pair(sequence.values, keys + size)}) {
      ops_.dequantize_rows(
          packed_row(sequence, cache, unit.kv_head, begin),
          sequence.format,
          dim_,
          end - begin,
          out);
    }
    rows.keys = keys;
    rows.values = keys + size;
    rows.first = begin;
  }

  void finish(const Unit& unit, const PartialAttention& total) const {
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

  void attend_unit(const Unit& unit) const {
    const int queries = unit.rows * group_;
    const auto size = std::size_t(partial_size(unit.rows));
    float* scores = thread_scratch(std::size_t(queries) * kAttentionTile + 2 * size);
    float* memory = scores + std::int64_t{queries} * kAttentionTile;
    const auto total = partial(memory, unit.rows);
    const auto next = partial(memory + size, unit.rows);
    const int first = unit.first_segment();
    ops_.attend_segment(rows_of(unit, first), first, total, scores);
    for (int segment = first + 1; segment < unit.end_segment(); ++segment) {
      ops_.attend_segment(rows_of(unit, segment), segment, next, scores);
      ops_.merge_attention(total, next, queries, dim_);
    }
    finish(unit, total);
  }

  // Few long units (decoding): all segments at once, merged afterwards in order.
  void attend_by_segments(const std::vector<Unit>& units, std::int64_t partial_floats) const {
    struct Piece {
      const Unit* unit;
      int segment;
      float* memory;
    };
    std::vector<Piece> pieces;
    float* memory = thread_scratch(std::size_t(partial_floats), 2);
    for (const auto& unit : units) {
      for (int segment = unit.first_segment(); segment < unit.end_segment(); ++segment) {
        pieces.push_back({&unit, segment, memory});
        memory += partial_size(unit.rows);
      }
    }
    ThreadPool::shared().for_each(static_cast<int>(pieces.size()), [&](int i) {
      const auto& piece = pieces[std::size_t(i)];
      const AttentionRows rows = rows_of(*piece.unit, piece.segment);
      float* scores = thread_scratch(std::size_t(rows.rows) * kAttentionTile);
      ops_.attend_segment(rows, piece.segment, partial(piece.memory, piece.unit->rows), scores);
    });
    for (std::size_t i = 0; i < pieces.size();) {
      const Unit& unit = *pieces[i].unit;
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
