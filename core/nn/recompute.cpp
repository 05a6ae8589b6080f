#include "core/nn/recompute.h"

#include <algorithm>
#include <array>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"

namespace hub::nn {
namespace {

// A block as a function of x and the factors of its modules.
class BlockFunction {
 public:
  BlockFunction(Block block, const std::string& prefix, const AdapterSpan& span)
      : block_(std::move(block)), begin_(span.begin), end_(span.end) {
    adapter_.scale = span.adapter->scale;
    adapter_.dropout = span.adapter->dropout;
    adapter_.dropout_key = span.adapter->dropout_key;
    for (const auto& [path, weights] : span.adapter->layers) {
      if (path.starts_with(prefix)) {
        paths_.push_back(path);
      }
    }
    std::sort(paths_.begin(), paths_.end());
  }

  [[nodiscard]] std::vector<mx::array> inputs(const mx::array& x, const LoraAdapter& from) const {
    std::vector<mx::array> inputs{x};
    for (const std::string& path : paths_) {
      const LoraWeights& weights = from.layers.at(path);
      inputs.push_back(weights.a);
      inputs.push_back(weights.b);
    }
    return inputs;
  }

  std::vector<mx::array> operator()(const std::vector<mx::array>& inputs) const {
    LoraAdapter adapter = adapter_;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      adapter.layers.emplace(paths_[i], LoraWeights{inputs[(2 * i) + 1], inputs[(2 * i) + 2]});
    }
    const std::array<AdapterSpan, 1> spans{{{&adapter, begin_, end_}}};
    return {block_(inputs[0], spans)};
  }

 private:
  Block block_;
  int begin_;
  int end_;
  LoraAdapter adapter_;             // without layers
  std::vector<std::string> paths_;  // sorted
};

}  // namespace

std::vector<mx::array> recomputed(const ArrayFunction& fn, const std::vector<mx::array>& inputs) {
  const auto gradient = [fn](
                            const std::vector<mx::array>& primals,
                            const std::vector<mx::array>& cotangents,
                            const std::vector<mx::array>& /*outputs*/) {
    auto gradients = mx::vjp(fn, mx::depends(primals, cotangents), cotangents).second;
    if (gradients.size() > 1) {
      const std::vector<mx::array> others(gradients.begin() + 1, gradients.end());
      gradients[0] = mx::depends({gradients[0]}, others)[0];
    }
    return gradients;
  };
  return mx::custom_vjp(fn, gradient)(inputs);
}

mx::array run_block(
    const Block& block, const std::string& prefix, const mx::array& x, AdapterSpans adapters) {
  if (adapters.size() != 1 || !adapters[0].adapter->recompute) {
    return block(x, adapters);
  }
  const BlockFunction function(block, prefix, adapters[0]);
  const std::vector<mx::array> inputs = function.inputs(x, *adapters[0].adapter);
  if (!std::any_of(inputs.begin(), inputs.end(), [](const auto& in) { return in.is_tracer(); })) {
    return block(x, adapters);
  }
  std::vector<mx::array> constants;
  constants.reserve(inputs.size());
  for (const mx::array& input : inputs) {
    constants.push_back(mx::zeros_like(input));
  }
  if (function(constants)[0].is_tracer()) {
    throw base::Error(
        base::ErrorCode::kInternal,
        "a recomputed block (" + prefix + ") depends on trained arrays that it is not given");
  }
  return recomputed(function, inputs)[0];
}

}  // namespace hub::nn
