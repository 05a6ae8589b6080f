#include "core/nn/recompute.h"

#include <algorithm>
#include <array>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"

namespace hub::nn {
namespace {

// A block as a function of x, the adapter's arrays for its modules, and its own trained weights.
class BlockFunction {
 public:
  BlockFunction(Block block, const std::string& prefix, const AdapterSpan& span)
      : block_(std::move(block)), begin_(span.begin), end_(span.end) {
    adapter_.scale = span.adapter->scale;
    adapter_.dropout = span.adapter->dropout;
    adapter_.dropout_key = span.adapter->dropout_key;
    for (const auto& [path, weights] : span.adapter->layers) {
      if (path.starts_with(prefix)) {
        modules_.push_back({path, weights.dora.has_value()});
      }
    }
    std::sort(modules_.begin(), modules_.end(), [](const Module& left, const Module& right) {
      return left.path < right.path;
    });
  }

  [[nodiscard]] std::vector<mx::array> inputs(
      const mx::array& x, const LoraAdapter& from, const std::vector<mx::array>& weights) const {
    std::vector<mx::array> inputs{x};
    for (const Module& module : modules_) {
      const LoraWeights& own = from.layers.at(module.path);
      inputs.push_back(own.a);
      inputs.push_back(own.b);
      if (own.dora) {
        inputs.push_back(own.dora->m);
        inputs.push_back(own.dora->gain);
      }
    }
    inputs.insert(inputs.end(), weights.begin(), weights.end());
    return inputs;
  }

  std::vector<mx::array> operator()(const std::vector<mx::array>& inputs) const {
    LoraAdapter adapter = adapter_;
    auto next = inputs.begin() + 1;
    for (const Module& module : modules_) {
      LoraWeights own{next[0], next[1]};
      next += 2;
      if (module.dora) {
        own.dora = Magnitudes{next[0], next[1]};
        next += 2;
      }
      adapter.layers.emplace(module.path, std::move(own));
    }
    const std::array<AdapterSpan, 1> spans{{{&adapter, begin_, end_}}};
    return {block_(inputs[0], spans, {next, inputs.end()})};
  }

 private:
  struct Module {
    std::string path;
    bool dora;
  };

  Block block_;
  int begin_;
  int end_;
  LoraAdapter adapter_;          // without layers
  std::vector<Module> modules_;  // sorted by path
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

bool recomputes(AdapterSpans adapters) {
  return adapters.size() == 1 && adapters[0].adapter->recompute;
}

mx::array run_block(
    const Block& block,
    const std::string& prefix,
    const mx::array& x,
    AdapterSpans adapters,
    const std::vector<mx::array>& weights) {
  const BlockFunction function(block, prefix, adapters[0]);
  const std::vector<mx::array> inputs = function.inputs(x, *adapters[0].adapter, weights);
  if (!std::any_of(inputs.begin(), inputs.end(), [](const auto& in) { return in.is_tracer(); })) {
    return block(x, adapters, weights);
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
