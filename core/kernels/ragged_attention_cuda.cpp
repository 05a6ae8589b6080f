#include "core/kernels/ragged_attention_cuda.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include "core/kernels/composed_attention.h"
#include "core/kernels/ragged_kernels.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

using mx::fast::CustomKernelFunction;

constexpr int kLanes = 8;        // that share a position
constexpr int kVector = 16;      // bytes
constexpr int kMostChunk = 4;    // query heads of a block: their sums are in registers
constexpr int kMostDepth = 256;  // elements of a head, likewise

// Caches of one launch; a kernel is compiled for each of these numbers.
constexpr std::size_t kCacheCounts[] = {8, 32, 64};
constexpr std::size_t kMostCaches = 64;

std::string with_caches(std::string source, std::size_t count) {
  std::string cases;
  for (std::size_t i = 0; i < count; ++i) {
    cases += fmt::format("case {0}: keys = keys{0}; values = values{0}; break; ", i);
  }
  constexpr std::string_view word = "HUB_CASES";
  return source.replace(source.find(word), word.size(), cases);
}

// The attention over `count` caches.
CustomKernelFunction make_attend(std::size_t count) {
  std::vector<std::string> inputs{"info", "q", "k", "v", "sinks"};
  for (const char* stem : {"keys", "values"}) {
    for (std::size_t i = 0; i < count; ++i) {
      inputs.push_back(fmt::format("{}{}", stem, i));
    }
  }
  return mx::fast::cuda_kernel(
      fmt::format("hub_ragged_attend_{}", count),
      inputs,
      {"out"},
      with_caches(ragged::kAttend, count),
      ragged::kHeader);
}

const CustomKernelFunction& attend_kernel(std::size_t count) {
  static std::map<std::size_t, CustomKernelFunction> made;  // belongs to the thread that owns MLX
  const auto found = made.find(count);
  return found != made.end() ? found->second
                             : made.insert({count, make_attend(count)}).first->second;
}

int blocks(int length, int width) {
  return (length + width - 1) / width;
}

// Query heads of a block: all that share a key/value head if they are few, else an even part.
int chunk_of(const AttentionShape& shape) {
  const int group = shape.heads / shape.kv_heads;
  int chunk = std::min(group, shape.head_dim > 128 ? kMostChunk / 2 : kMostChunk);
  while (group % chunk != 0) {
    --chunk;
  }
  return chunk;
}

// What the kernels are told of the step's rows (ragged_kernels.h).
struct Rows {
  std::vector<int> info;
  std::vector<int> positions;
  int most = 0;  // positions that a row sees
};

Rows rows_of(const std::vector<CachedSequence>& sequences, const AttentionShape& shape) {
  Rows rows;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const CachedSequence& sequence = sequences[s];
    const SeenRows seen = seen_rows(shape.window, sequence.window);
    const int dropped = sequence.window.dropped;
    const int begin = static_cast<int>(rows.positions.size());
    for (int position = sequence.position; position < sequence.position + sequence.rows;
         ++position) {
      const int first = seen.window > 0 ? std::max(0, position + 1 - seen.window) : 0;
      const bool has_gap = first > seen.sinks;
      const int sinks = has_gap ? seen.sinks : 0;
      const int from = has_gap ? first - dropped : 0;
      const int own = position - dropped;
      rows.info.insert(
          rows.info.end(), {static_cast<int>(s), own, from, sinks, sequence.keys.shape(1), begin});
      rows.positions.push_back(position);
      rows.most = std::max(rows.most, sinks + own - from + 1);
    }
  }
  return rows;
}

// x, or a copy of it where somebody else refers to it. Of a step in flight the device's queue does.
mx::array owned(mx::array&& x, bool in_flight) {
  if (in_flight || !x.is_available() || x.is_donatable() || x.size() == 0) {
    return std::move(x);
  }
  const mx::Shape end{1, 1, x.shape(2)};
  return mx::slice_update(x, mx::slice(x, {0, 0, 0}, end), {0, 0, 0}, end);
}

// [rows, heads * D] -> the same with each head rotated to its row's position
mx::array rotated(
    const mx::array& x,
    const RotaryEmbedding& rotation,
    const AttentionShape& shape,
    const mx::array& positions) {
  const mx::array heads = mx::reshape(x, {x.shape(0), -1, 1, shape.head_dim});
  return mx::reshape(rotary(heads, rotation, shape, positions), x.shape());
}

// Attends within at most kMostCaches caches.
mx::array attend(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const Rows& rows,
    const std::vector<CachedAttention::Layer>& caches,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables& tables) {
  const std::size_t count =
      *std::ranges::find_if(kCacheCounts, [&](std::size_t n) { return n >= caches.size(); });
  const int length = q.shape(0);
  const mx::array info = tables.table(rows.info, length);
  std::vector<mx::array> inputs{info, q, k, v, sinks.value_or(q)};
  inputs.reserve(inputs.size() + 2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    inputs.push_back(caches[std::min(i, caches.size() - 1)].keys);
  }
  for (std::size_t i = 0; i < count; ++i) {
    inputs.push_back(caches[std::min(i, caches.size() - 1)].values);
  }
  const int chunk = chunk_of(shape);
  const int parts = blocks(rows.most, ragged::kPartPositions);
  const bool whole = parts == 1;
  const mx::array attended = attend_kernel(count)(
      inputs,
      {whole ? q.shape() : mx::Shape{length, shape.heads, parts, shape.head_dim + 2}},
      {whole ? q.dtype() : mx::float32},
      {length * ragged::kThreads, shape.heads / chunk, parts},
      {ragged::kThreads, 1, 1},
      {{"T", q.dtype()},
       {"OUT", whole ? q.dtype() : mx::float32},
       {"D", shape.head_dim},
       {"GROUP", shape.heads / shape.kv_heads},
       {"CHUNK", chunk},
       {"THREADS", ragged::kThreads},
       {"PART", ragged::kPartPositions},
       {"SCALE", std::bit_cast<int>(shape.scale)},
       {"WHOLE", whole},
       {"HAS_SINKS", sinks.has_value()}},
      std::nullopt,
      false,
      {})[0];
  if (whole) {
    return attended;
  }
  static const auto join = mx::fast::cuda_kernel(
      "hub_ragged_join", {"info", "part", "sinks"}, {"out"}, ragged::kJoin, ragged::kHeader);
  return join(
      {info, attended, sinks.value_or(q)},
      {q.shape()},
      {q.dtype()},
      {length * shape.head_dim, shape.heads, 1},
      {shape.head_dim, 1, 1},
      {{"T", q.dtype()},
       {"D", shape.head_dim},
       {"PART", ragged::kPartPositions},
       {"HAS_SINKS", sinks.has_value()}},
      std::nullopt,
      false,
      {})[0];
}

}  // namespace

bool has_ragged_attention(
    const mx::array& q, std::span<const CachedSequence> sequences, const AttentionShape& shape) {
  const bool is_float =
      q.dtype() == mx::bfloat16 || q.dtype() == mx::float16 || q.dtype() == mx::float32;
  const int unit = kLanes * kVector / static_cast<int>(q.itemsize());
  return tensor::default_device_is_cuda() && is_float && shape.head_dim % unit == 0 &&
         shape.head_dim <= kMostDepth &&
         std::ranges::all_of(sequences, [&](const CachedSequence& sequence) {
           return sequence.format.bits == 0 && sequence.keys.dtype() == q.dtype();
         });
}

CachedAttention ragged_attention_cuda(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables& tables) {
  std::vector<CachedAttention::Layer> caches;
  std::vector<mx::array> out;
  int begin = 0;
  for (std::size_t done = 0; done < sequences.size(); done += kMostCaches) {
    const auto from = sequences.begin() + static_cast<std::ptrdiff_t>(done);
    const auto count = std::min(kMostCaches, sequences.size() - done);
    std::vector<CachedSequence> some(
        std::make_move_iterator(from),
        std::make_move_iterator(from + static_cast<std::ptrdiff_t>(count)));
    const Rows rows = rows_of(some, shape);
    const int length = static_cast<int>(rows.positions.size());
    std::vector<CachedAttention::Layer> kept;
    kept.reserve(count);
    for (CachedSequence& sequence : some) {
      kept.push_back(
          {owned(std::move(sequence.keys), sequence.in_flight),
           owned(std::move(sequence.values), sequence.in_flight)});
    }
    const auto part = [&](const mx::array& x) {
      return length == x.shape(0) ? x : mx::slice(x, {begin, 0}, {begin + length, x.shape(1)});
    };
    const mx::array positions = mx::reshape(tables.table(rows.positions, length), {length});
    out.push_back(attend(
        rotated(part(q), rotation, shape, positions),
        rotated(part(k), rotation, shape, positions),
        part(v),
        rows,
        kept,
        shape,
        sinks,
        tables));
    std::ranges::move(kept, std::back_inserter(caches));
    begin += length;
  }
  return {out.size() == 1 ? out.front() : mx::concatenate(out, 0), std::move(caches)};
}

}  // namespace hub::kernels
