#include "core/kernels/attention_unit.h"

#include <utility>

#include "core/kernels/cpu_primitive.h"
#include "core/kernels/quantized_rows.h"

namespace hub::kernels {

namespace {

constexpr int kUnpackedSlot = 3;  // of thread_scratch

}  // namespace

void AttentionUnit::find_keys(
    const CpuOps& ops, int segment, int head_dim, AttentionRows& in) const {
  if (sequence->format.bits > 0) {
    unpack_keys(ops, segment, head_dim, in);
    return;
  }
  const auto at = [&](const void* cache, int position) {
    return static_cast<const float*>(cache) + cache_row(*sequence, kv_head, position) * head_dim;
  };
  const RowWindow& kept = sequence->window;
  in.first = kept.dropped > 0 ? kept.sinks + kept.dropped : 0;
  in.keys = at(sequence->keys, in.first);
  in.values = at(sequence->values, in.first);
  in.sink_keys = at(sequence->keys, 0);
  in.sink_values = at(sequence->values, 0);
}

void AttentionUnit::unpack_keys(
    const CpuOps& ops, int segment, int head_dim, AttentionRows& in) const {
  const int first_tile = first_key() / kAttentionTile * kAttentionTile;
  const int from = std::max(segment * kAttentionSegment, first_tile);
  const int end = std::min((segment + 1) * kAttentionSegment, last_position() + 1);
  const int apart = segment == 0 && from > 0 ? sinks : 0;
  const std::int64_t size = std::int64_t{kAttentionSegment + kAttentionTile} * head_dim;
  float* keys = thread_scratch(std::size_t(2 * size), kUnpackedSlot);
  const std::int64_t sinks_at = std::int64_t{kAttentionSegment} * head_dim;
  const int width = row_width(sequence->format, head_dim);
  for (const auto& [cache, out] :
       {std::pair(sequence->keys, keys), std::pair(sequence->values, keys + size)}) {
    const auto unpack = [&, words = cache](int position, int count, float* to) {
      if (count > 0) {
        ops.dequantize_rows(
            static_cast<const std::uint32_t*>(words) +
                cache_row(*sequence, kv_head, position) * width,
            sequence->format,
            head_dim,
            count,
            to);
      }
    };
    unpack(from, end - from, out);
    unpack(0, apart, out + sinks_at);
  }
  in.first = from;
  in.keys = keys;
  in.values = keys + size;
  in.sink_keys = keys + sinks_at;
  in.sink_values = keys + size + sinks_at;
}

}  // namespace hub::kernels
