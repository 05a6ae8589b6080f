#pragma once

#include <algorithm>
#include <cstdint>

#include "core/kernels/attention_step.h"
#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

// Some rows of one sequence for one key/value head, which look at the same segments.
struct AttentionUnit {
  const AttentionStep::Sequence* sequence;
  int kv_head;
  int begin;  // row within the sequence
  int rows;   // no more than a segment has positions
  int window;
  int sinks;
  bool causal;

  [[nodiscard]] int first_position() const { return sequence->position + begin; }
  // The last position that its last row sees.
  [[nodiscard]] int last_position() const {
    return sequence->position + (causal ? begin + rows : sequence->rows) - 1;
  }
  // Of its first row's window.
  [[nodiscard]] int first_key() const {
    return window > 0 ? std::max(0, first_position() - window + 1) : 0;
  }
  // The segments that it looks at, in order: that of the sinks, then those of the window. A unit
  // spans fewer positions than a segment, so that each of its rows sees something of the first two.
  [[nodiscard]] int segments() const {
    return last_position() / kAttentionSegment + 1 - first_segment() + (sinks_apart() ? 1 : 0);
  }
  [[nodiscard]] int segment(int index) const {
    return sinks_apart() ? (index == 0 ? 0 : first_segment() + index - 1) : first_segment() + index;
  }
  // Keys that it looks at, about.
  [[nodiscard]] int keys() const { return last_position() + 1 - first_key() + sinks; }

  // Sets the keys and values of that segment in `in`: where they lie in the cache, or unpacked in
  // the calling thread's scratch until the next call.
  void find_keys(const CpuOps& ops, int segment, int head_dim, AttentionRows& in) const;

 private:
  [[nodiscard]] int first_segment() const { return first_key() / kAttentionSegment; }
  [[nodiscard]] bool sinks_apart() const { return sinks > 0 && first_segment() > 0; }
  void unpack_keys(const CpuOps& ops, int segment, int head_dim, AttentionRows& in) const;
};

// The row of the sequence's cache, of one head, that a position has.
inline std::int64_t cache_row(const AttentionStep::Sequence& sequence, int kv_head, int position) {
  const RowWindow& window = sequence.window;
  const int row = position < window.sinks ? position : position - window.dropped;
  return std::int64_t{kv_head} * sequence.capacity + row;
}

}  // namespace hub::kernels
