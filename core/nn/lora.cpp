// Port of mlx_lm/tuner/lora.py › LoRALinear.__call__, for several adapters in one step.
#include "core/nn/lora.h"

#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/base/error.h"
#include "core/kernels/dense_matmul.h"
#include "core/kernels/low_rank.h"
#include "core/nn/recompute.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array rows_of(const mx::array& x, int begin, int end) {
  if (begin == 0 && end == x.shape(0)) {
    return x;
  }
  return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
}

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

// scale * (x A) B in the type of x
mx::array low_rank(
    const LoraAdapter& adapter,
    const LoraWeights& weights,
    const mx::array& x,
    const std::string& path) {
  mx::array input = tensor::astype(x, mx::float32);
  if (adapter.dropout > 0.0F) {
    if (!adapter.dropout_key) {
      throw base::Error(base::ErrorCode::kInternal, "an adapter with dropout needs a dropout_key");
    }
    input = dropout(input, adapter.dropout, key_for(*adapter.dropout_key, path));
  }
  const mx::array z = kernels::matmul(kernels::matmul(input, weights.a), weights.b);
  return tensor::astype(mx::multiply(z, mx::array(adapter.scale)), x.dtype());
}

// low_rank() whose float32 copies of half-precision rows are not kept for the gradient.
mx::array lean_low_rank(
    const LoraAdapter& adapter,
    const LoraWeights& weights,
    const mx::array& x,
    const std::string& path) {
  if (x.dtype() == mx::float32) {
    return low_rank(adapter, weights, x, path);
  }
  LoraAdapter settings;
  settings.scale = adapter.scale;
  settings.dropout = adapter.dropout;
  settings.dropout_key = adapter.dropout_key;
  const auto product = [settings, path](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{low_rank(settings, {in[1], in[2]}, in[0], path)};
  };
  return recomputed(product, {x, weights.a, weights.b})[0];
}

}  // namespace

const LoraWeights* fusable_adapter(
    const mx::array& x, const std::string& path, AdapterSpans adapters) {
  if (adapters.size() != 1 || adapters[0].adapter->dropout > 0.0F || adapters[0].begin != 0 ||
      adapters[0].end != x.shape(0)) {
    return nullptr;
  }
  const auto& layers = adapters[0].adapter->layers;
  const auto found = layers.find(path);
  const bool fits =
      found != layers.end() && kernels::has_own_low_rank(x, found->second.a, found->second.b);
  return fits ? &found->second : nullptr;
}

mx::array add_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters) {
  std::vector<mx::array> pieces;
  int done = 0;
  for (const AdapterSpan& span : adapters) {
    const auto found = span.adapter->layers.find(path);
    if (found == span.adapter->layers.end() || span.begin == span.end) {
      continue;
    }
    if (span.begin < done || span.end < span.begin || span.end > y.shape(0)) {
      throw base::Error(
          base::ErrorCode::kInternal,
          fmt::format(
              "adapter rows [{}, {}) do not follow row {} of {}",
              span.begin,
              span.end,
              done,
              y.shape(0)));
    }
    if (span.begin > done) {
      pieces.push_back(rows_of(y, done, span.begin));
    }
    const mx::array delta =
        lean_low_rank(*span.adapter, found->second, rows_of(x, span.begin, span.end), path);
    pieces.push_back(mx::add(rows_of(y, span.begin, span.end), delta));
    done = span.end;
  }
  if (done == 0) {
    return y;
  }
  if (done < y.shape(0)) {
    pieces.push_back(rows_of(y, done, y.shape(0)));
  }
  return pieces.size() == 1 ? pieces.front() : mx::concatenate(pieces, 0);
}

}  // namespace hub::nn
