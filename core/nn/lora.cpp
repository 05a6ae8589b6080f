// Port of mlx_lm/tuner/lora.py › LoRALinear.__call__, for several adapters in one step.
#include "core/nn/lora.h"

#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/base/error.h"
#include "core/kernels/dense_matmul.h"
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
  const mx::array input = tensor::astype(x, mx::float32);
  if (adapter.dropout <= 0.0F) {
    return input;
  }
  if (!adapter.dropout_key) {
    throw base::Error(base::ErrorCode::kInternal, "an adapter with dropout needs a dropout_key");
  }
  return dropout(input, adapter.dropout, key_for(*adapter.dropout_key, path));
}

mx::array add_to_spans(
    const mx::array& y, const std::string& path, AdapterSpans adapters, const AdapterDelta& delta) {
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
      pieces.push_back(rows_of(y, {done, span.begin}));
    }
    const Rows rows{span.begin, span.end};
    const mx::array z = delta(*span.adapter, found->second, rows);
    const mx::array scaled = mx::multiply(z, mx::array(span.adapter->scale));
    pieces.push_back(mx::add(rows_of(y, rows), tensor::astype(scaled, y.dtype())));
    done = span.end;
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
  return add_to_spans(
      y, path, adapters, [&](const LoraAdapter& adapter, const LoraWeights& factors, Rows rows) {
        const mx::array input = adapter_input(adapter, rows_of(x, rows), path);
        return kernels::matmul(kernels::matmul(input, factors.a), factors.b);
      });
}

}  // namespace hub::nn
