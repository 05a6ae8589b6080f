// Port of mlx_lm/tuner/lora.py › LoRALinear, LoRAEmbedding, and of dora.py, for several
// adapters in one step.
#include "core/nn/lora.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/base/error.h"
#include "core/kernels/batch_invariance.h"
#include "core/kernels/dense_matmul.h"
#include "core/kernels/low_rank.h"
#include "core/kernels/low_rank_spans.h"
#include "core/nn/recompute.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

// A key of its own for each module: the given key with the path's FNV-1a hash mixed in.
mx::array key_for(const mx::array& key, const std::string& path) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : path) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  }
  const auto high = static_cast<std::uint32_t>(hash >> 32U);
  const auto low = static_cast<std::uint32_t>(hash);
  return mx::bitwise_xor(key, mx::array({high, low}, mx::uint32));
}

// Zeroes elements with probability `rate` and scales the others, so that the expectation stays.
mx::array dropout(const mx::array& x, float rate, const mx::array& key) {
  const float keep = 1.0F - rate;
  const mx::array kept = mx::random::bernoulli(mx::array(keep), x.shape(), key);
  return mx::multiply(mx::multiply(x, mx::array(1.0F / keep)), tensor::astype(kept, x.dtype()));
}

mx::array dropped(const LoraAdapter& adapter, const mx::array& x, const std::string& path) {
  if (adapter.dropout <= 0.0F) {
    return x;
  }
  if (!adapter.dropout_key) {
    throw base::Error(base::ErrorCode::kInternal, "an adapter with dropout needs a dropout_key");
  }
  return dropout(x, adapter.dropout, key_for(*adapter.dropout_key, path));
}

// scale * (x a) b in the type of x
mx::array low_rank(
    const LoraAdapter& adapter,
    const mx::array& a,
    const mx::array& b,
    const mx::array& x,
    const std::string& path) {
  const mx::array input = adapter_input(adapter, x, path);
  const mx::array z = kernels::in_row_blocks(
      input, [&](const mx::array& rows) { return kernels::matmul(kernels::matmul(rows, a), b); });
  return tensor::astype(mx::multiply(z, mx::array(adapter.scale)), x.dtype());
}

// low_rank() whose float32 copies of half-precision rows are not kept for the gradient.
mx::array lean_low_rank(
    const LoraAdapter& adapter,
    const mx::array& a,
    const mx::array& b,
    const mx::array& x,
    const std::string& path) {
  if (x.dtype() == mx::float32) {
    return low_rank(adapter, a, b, x, path);
  }
  LoraAdapter settings;
  settings.scale = adapter.scale;
  settings.dropout = adapter.dropout;
  settings.dropout_key = adapter.dropout_key;
  const auto product = [settings, path](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{low_rank(settings, in[1], in[2], in[0], path)};
  };
  return recomputed(product, {x, a, b})[0];
}

// What one adapter has for a module, and the rows that it is for.
struct AdaptedRows {
  const LoraAdapter& adapter;
  const LoraWeights& weights;
  Rows rows;
};

// The spans that have the module at `path` and rows, of `count` rows in all. Throws kInternal for
// spans out of order.
std::vector<AdaptedRows> adapted_rows(const std::string& path, AdapterSpans adapters, int count) {
  std::vector<AdaptedRows> found;
  int done = 0;
  for (const AdapterSpan& span : adapters) {
    const auto weights = span.adapter->layers.find(path);
    if (weights == span.adapter->layers.end() || span.begin == span.end) {
      continue;
    }
    if (span.begin < done || span.end < span.begin || span.end > count) {
      throw base::Error(
          base::ErrorCode::kInternal,
          fmt::format(
              "adapter rows [{}, {}) do not follow row {} of {}",
              span.begin,
              span.end,
              done,
              count));
    }
    done = span.end;
    found.push_back({*span.adapter, weights->second, {span.begin, span.end}});
  }
  return found;
}

// The spans that have the module at `path`, if one operation can add them all: on the CPU, without
// dropout and magnitudes, and where no gradient is wanted.
std::optional<std::vector<kernels::LowRankSpan>> served_spans(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters) {
  if (tensor::default_device_is_gpu() || x.dtype() != mx::float32 || y.dtype() != mx::float32 ||
      x.is_tracer()) {
    return std::nullopt;
  }
  std::vector<kernels::LowRankSpan> spans;
  for (const auto& [adapter, weights, rows] : adapted_rows(path, adapters, y.shape(0))) {
    if (adapter.dropout > 0.0F || weights.dora || weights.a.is_tracer()) {
      return std::nullopt;
    }
    spans.push_back({rows.begin, rows.end, weights.a, weights.b, adapter.scale});
  }
  return spans;
}

// y times the gain of each column.
mx::array scaled(const mx::array& y, const std::optional<Magnitudes>& dora) {
  return dora ? mx::multiply(y, tensor::astype(dora->gain, y.dtype())) : y;
}

}  // namespace

mx::array rows_of(const mx::array& x, Rows rows) {
  if (rows.begin == 0 && rows.end == x.shape(0)) {
    return x;
  }
  mx::Shape from(x.ndim(), 0);
  mx::Shape to = x.shape();
  from[0] = rows.begin;
  to[0] = rows.end;
  return mx::slice(x, from, to);
}

mx::array adapter_input(const LoraAdapter& adapter, const mx::array& x, const std::string& path) {
  return dropped(adapter, tensor::astype(x, mx::float32), path);
}

mx::array change_spans(
    const mx::array& y,
    const std::string& path,
    AdapterSpans adapters,
    const AdapterChange& change) {
  std::vector<mx::array> pieces;
  int done = 0;
  for (const auto& [adapter, weights, rows] : adapted_rows(path, adapters, y.shape(0))) {
    if (rows.begin > done) {
      pieces.push_back(rows_of(y, {done, rows.begin}));
    }
    pieces.push_back(change(rows_of(y, rows), adapter, weights, rows));
    done = rows.end;
  }
  if (done == 0) {
    return y;
  }
  if (done < y.shape(0)) {
    pieces.push_back(rows_of(y, {done, y.shape(0)}));
  }
  return pieces.size() == 1 ? pieces.front() : mx::concatenate(pieces, 0);
}

mx::array add_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters) {
  if (auto spans = served_spans(y, x, path, adapters)) {
    return spans->empty() ? y : kernels::add_low_rank(y, x, std::move(*spans));
  }
  return change_spans(
      y,
      path,
      adapters,
      [&](const mx::array& own, const LoraAdapter& adapter, const LoraWeights& weights, Rows rows) {
        const mx::array delta =
            lean_low_rank(adapter, weights.a, weights.b, rows_of(x, rows), path);
        return scaled(mx::add(own, delta), weights.dora);
      });
}

mx::array add_embedding_adapters(
    const mx::array& y, const mx::array& tokens, const std::string& path, AdapterSpans adapters) {
  return change_spans(
      y,
      path,
      adapters,
      [&](const mx::array& own, const LoraAdapter& adapter, const LoraWeights& weights, Rows rows) {
        const mx::array picked = rows_of(tokens, rows);
        const mx::array product = kernels::in_row_blocks(
            mx::take(weights.a, picked, 0),
            [&](const mx::array& factors) { return kernels::matmul(factors, weights.b); });
        const mx::array z = mx::multiply(product, mx::array(adapter.scale));
        const mx::array sum = mx::add(own, tensor::astype(dropped(adapter, z, path), own.dtype()));
        if (!weights.dora) {
          return sum;
        }
        const mx::array gain = mx::expand_dims(mx::take(weights.dora->gain, picked, 0), 1);
        return mx::multiply(sum, tensor::astype(gain, own.dtype()));
      });
}

mx::array add_tied_head_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters) {
  return change_spans(
      y,
      path,
      adapters,
      [&](const mx::array& own, const LoraAdapter& adapter, const LoraWeights& weights, Rows rows) {
        const mx::array delta = lean_low_rank(
            adapter,
            mx::contiguous(mx::transpose(weights.b)),
            mx::contiguous(mx::transpose(weights.a)),
            rows_of(x, rows),
            path + ".head");  // a mask of its own
        return scaled(mx::add(own, delta), weights.dora);
      });
}

const LoraWeights* fusable_adapter(
    const mx::array& x, const std::string& path, AdapterSpans adapters) {
  if (adapters.size() != 1 || adapters[0].adapter->dropout > 0.0F || adapters[0].begin != 0 ||
      adapters[0].end != x.shape(0)) {
    return nullptr;
  }
  const auto& layers = adapters[0].adapter->layers;
  const auto found = layers.find(path);
  const bool fits = found != layers.end() && !found->second.dora && !kernels::batch_invariant() &&
                    kernels::has_own_low_rank(x, found->second.a, found->second.b);
  return fits ? &found->second : nullptr;
}

}  // namespace hub::nn
