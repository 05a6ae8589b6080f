#include "core/kernels/cached_attention.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <mlx/allocator.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/attention_step.h"
#include "core/kernels/composed_attention.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/gpu_attention.h"
#include "core/kernels/quantized_rows.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kInvalidArgument, "cached_attention: " + message);
}

// Inputs q, k, v, inv_freq, sinks (empty: none), then keys and values of each sequence; outputs the
// attention, then the updated keys and values of each sequence.
constexpr std::size_t kFirstCacheInput = 5;
constexpr std::size_t kFirstCacheOutput = 1;

struct Part {
  int rows;
  int position;
  RowFormat format;
  RowWindow window;
};

class CachedAttentionStep : public CpuPrimitive {
 public:
  CachedAttentionStep(
      mx::Stream stream, CpuLevel level, const AttentionShape& shape, std::vector<Part> parts)
      : CpuPrimitive(stream, level), shape_(shape), parts_(std::move(parts)) {}

  const char* name() const override { return "HubCachedAttention"; }

  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    std::vector<mx::Shape> shapes{inputs[0].shape()};
    for (std::size_t i = kFirstCacheInput; i < inputs.size(); ++i) {
      shapes.push_back(inputs[i].shape());
    }
    return shapes;
  }

 protected:
  // A cache that only this step refers to is handed on; task() finds out by comparing addresses.
  void allocate(const Arrays& inputs, Arrays& outputs) override {
    // Each output has its own copy of the inputs, so they all seem to be in use. The outputs are
    // evaluated together and detached right after this call: let go of the other copies.
    for (auto& out : outputs) {
      if (!out.is_tracer() && &out.inputs() != &inputs) {
        out.inputs().clear();
      }
    }
    outputs[0].set_data(mx::allocator::malloc(outputs[0].nbytes()));
    for (std::size_t i = kFirstCacheOutput; i < outputs.size(); ++i) {
      const auto& input = inputs[i - kFirstCacheOutput + kFirstCacheInput];
      if (input.is_donatable() && input.flags().row_contiguous) {
        outputs[i].copy_shared_buffer(input);
      } else {
        outputs[i].set_data(mx::allocator::malloc(outputs[i].nbytes()));
      }
    }
  }

  [[nodiscard]] Task task() const override {
    return [level = level(), shape = shape_, parts = parts_](const Arrays& in, Arrays& out) {
      AttentionStep step{
          shape,
          in[0].data<float>(),
          in[1].data<float>(),
          in[2].data<float>(),
          in[3].data<float>(),
          2 * in[3].shape(0),
          in[4].size() == 0 ? nullptr : in[4].data<float>(),
          out[0].data<float>(),
          {}};
      int first_row = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto keys = [&](std::size_t offset) -> void* {
          const auto& from = in[kFirstCacheInput + 2 * i + offset];
          auto& to = out[kFirstCacheOutput + 2 * i + offset];
          if (to.data<char>() != from.data<char>()) {
            std::memcpy(to.data<char>(), from.data<char>(), from.nbytes());
          }
          return to.data<char>();
        };
        const int capacity = in[kFirstCacheInput + 2 * i].shape(1);
        const Part& part = parts[i];
        step.sequences.push_back(
            {keys(0),
             keys(1),
             capacity,
             part.rows,
             part.position,
             first_row,
             part.format,
             part.window});
        first_row += parts[i].rows;
      }
      run_attention_step(cpu_ops(level), step);
    };
  }

 private:
  AttentionShape shape_;
  std::vector<Part> parts_;
};

// Of its window: what the rows see must be there.
void check(const CachedSequence& sequence, const AttentionShape& shape) {
  const RowWindow& window = sequence.window;
  const SeenRows seen = seen_rows(shape.window, window);
  const int oldest = std::max(0, sequence.position + 1 - seen.window) / kMostSinks * kMostSinks;
  const int kept_from = window.sinks + window.dropped;
  const bool is_cut_well =
      window.dropped == 0 ||
      (window.dropped > 0 && seen.window > 0 && kept_from % kMostSinks == 0 && kept_from <= oldest);
  if (window.rows < 0 || window.sinks < 0 || window.sinks > kMostSinks || !is_cut_well ||
      (window.sinks > 0 && window.rows == 0)) {
    refuse(
        fmt::format(
            "a window of {} rows and {} sinks with {} rows dropped does not hold what position {} "
            "sees",
            window.rows,
            window.sinks,
            window.dropped,
            sequence.position));
  }
}

void check(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<CachedSequence>& sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  if (shape.heads <= 0 || shape.kv_heads <= 0 || shape.heads % shape.kv_heads != 0 ||
      shape.head_dim <= 0 || shape.head_dim % 2 != 0) {
    refuse(
        fmt::format(
            "{} heads over {} key/value heads of {} elements make no attention",
            shape.heads,
            shape.kv_heads,
            shape.head_dim));
  }
  int rows = 0;
  for (const auto& sequence : sequences) {
    const mx::Shape& keys = sequence.keys.shape();
    const RowFormat& format = sequence.format;
    if (!format_fits(format, shape.head_dim)) {
      refuse(
          fmt::format(
              "{} elements cannot be kept in {} bits by groups of {}",
              shape.head_dim,
              format.bits,
              format.group_size));
    }
    const bool holds_words = sequence.keys.dtype() == mx::uint32;
    if (keys.size() != 3 || keys[0] != shape.kv_heads ||
        keys[2] != row_width(format, shape.head_dim) || sequence.values.shape() != keys ||
        sequence.keys.dtype() != sequence.values.dtype() || holds_words != (format.bits > 0)) {
      refuse(
          fmt::format(
              "cache arrays must be [{}, capacity, {}]{}, got {} and {}",
              shape.kv_heads,
              row_width(format, shape.head_dim),
              format.bits > 0 ? " uint32" : "",
              describe(sequence.keys),
              describe(sequence.values)));
    }
    check(sequence, shape);
    const int at = sequence.position - sequence.window.dropped;
    if (sequence.rows < 1 || sequence.position < 0 || keys[1] - at < sequence.rows) {
      refuse(fmt::format("{} rows at {} do not fit a cache of {}", sequence.rows, at, keys[1]));
    }
    rows += sequence.rows;
  }
  const auto fits = [&](const mx::array& x, int heads) {
    return x.shape() == mx::Shape{rows, heads * shape.head_dim};
  };
  if (!fits(q, shape.heads) || !fits(k, shape.kv_heads) || !fits(v, shape.kv_heads) ||
      !rotation_fits(rotation, shape) || !sinks_fit(sinks, shape)) {
    refuse(
        fmt::format(
            "{} rows need q [{}, {}], k and v [{}, {}], inv_freq of at most [{}], sinks [{}] or "
            "none, got {}, {}, {}, {}, {}",
            rows,
            rows,
            shape.heads * shape.head_dim,
            rows,
            shape.kv_heads * shape.head_dim,
            shape.head_dim / 2,
            shape.heads,
            describe(q),
            describe(k),
            describe(v),
            describe(rotation.inv_freq),
            sinks ? describe(*sinks) : "none"));
  }
}

// [rows, heads * D] -> [1, heads, rows, D]
mx::array by_head(const mx::array& x, int begin, int rows, int heads, int head_dim) {
  const auto part = mx::slice(x, {begin, 0}, {begin + rows, x.shape(1)});
  return mx::transpose(mx::reshape(part, {1, rows, heads, head_dim}), {0, 2, 1, 3});
}

}  // namespace

CachedAttention composed_cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<CachedSequence>& sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks) {
  check(q, k, v, rotation, sequences, shape, sinks);
  std::vector<mx::array> rows_out;
  std::vector<CachedAttention::Layer> caches;
  int begin = 0;
  for (const auto& [keys, values, rows, position, format, window, in_flight] : sequences) {
    const int at = position - window.dropped;
    const int end = at + rows;
    const auto part = [&](const mx::array& x, int heads) {
      return by_head(x, begin, rows, heads, shape.head_dim);
    };
    const int width = row_width(format, shape.head_dim);
    const auto write = [&](const mx::array& cache, const mx::array& update) {
      const mx::array rows_in = mx::squeeze(update, 0);
      return mx::slice_update(
          cache,
          format.bits > 0 ? quantize_rows(rows_in, format) : tensor::astype(rows_in, cache.dtype()),
          mx::Shape{0, at, 0},
          mx::Shape{shape.kv_heads, end, width});
    };
    const SeenRows seen = seen_rows(shape.window, window);
    // The oldest position that the first row sees, beside the sinks.
    const int first = seen.window > 0 ? std::max(0, position + 1 - seen.window) : 0;
    const int gap = std::max(0, first - seen.sinks);
    const auto kept = [&](const mx::array& cache) {
      const auto part_of = [&](int from, int to) {
        return mx::slice(cache, {0, from, 0}, {shape.kv_heads, to, width});
      };
      const mx::array near = part_of(gap > 0 ? first - window.dropped : 0, end);
      const mx::array all =
          gap > 0 && seen.sinks > 0 ? mx::concatenate({part_of(0, seen.sinks), near}, 1) : near;
      return mx::expand_dims(
          format.bits > 0 ? dequantize_rows(all, format, shape.head_dim, q.dtype()) : all, 0);
    };
    caches.push_back(
        {write(keys, rotary(part(k, shape.kv_heads), rotation, shape, position)),
         write(values, part(v, shape.kv_heads))});
    const auto out = composed_attention(
        rotary(part(q, shape.heads), rotation, shape, position),
        kept(caches.back().keys),
        kept(caches.back().values),
        shape,
        seen,
        gap,
        sinks);
    rows_out.push_back(
        mx::reshape(mx::transpose(out, {0, 2, 1, 3}), {rows, shape.heads * shape.head_dim}));
    begin += rows;
  }
  return {mx::concatenate(rows_out, 0), std::move(caches)};
}

CachedAttention cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables* tables) {
  check(q, k, v, rotation, sequences, shape, sinks);
  if (!runs_on_cpu()) {
    StepTables own;
    return gpu_cached_attention(
        q, k, v, rotation, std::move(sequences), shape, sinks, tables != nullptr ? *tables : own);
  }
  std::vector<mx::array> inputs{q, k, v, rotation.inv_freq, sinks.value_or(mx::zeros({0}))};
  std::vector<mx::Shape> shapes{q.shape()};
  std::vector<mx::Dtype> types{mx::float32};
  std::vector<Part> parts;
  for (const auto& input : inputs) {
    require(input, mx::float32, input.ndim(), "cached_attention");
  }
  for (auto& sequence : sequences) {
    const mx::Dtype type = sequence.format.bits > 0 ? mx::uint32 : mx::float32;
    parts.push_back({sequence.rows, sequence.position, sequence.format, sequence.window});
    for (mx::array* cache : {&sequence.keys, &sequence.values}) {
      require(*cache, type, 3, "cached_attention");
      shapes.push_back(cache->shape());
      types.push_back(type);
      inputs.push_back(std::move(*cache));
    }
  }
  auto outputs = mx::array::make_arrays(
      std::move(shapes),
      types,
      std::make_shared<CachedAttentionStep>(cpu_stream(), cpu_level(), shape, std::move(parts)),
      inputs);
  std::vector<CachedAttention::Layer> caches;
  for (std::size_t i = kFirstCacheOutput; i + 1 < outputs.size(); i += 2) {
    caches.push_back({outputs[i], outputs[i + 1]});
  }
  return {outputs[0], std::move(caches)};
}

}  // namespace hub::kernels
