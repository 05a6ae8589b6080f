#include "core/nn/recompute.h"

#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/nn/linear.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

constexpr int kRows = 512;
constexpr int kWidth = 64;
constexpr int kBlocks = 8;

mx::array random(const mx::Shape& shape, std::uint64_t seed) {
  return mx::random::normal(shape, mx::float32, 0.0F, 0.1F, mx::random::key(seed));
}

std::string path_of(int block) {
  return "layers." + std::to_string(block) + ".wide";
}

// A chain of blocks, each with an adapted linear, a weight of its own and ten activations.
class Chain {
 public:
  explicit Chain(bool dora) : dora_(dora) {
    for (int block = 0; block < kBlocks; ++block) {
      const auto seed = static_cast<std::uint64_t>(block);
      linears_.emplace_back(
          path_of(block), random({kWidth, kWidth}, seed), std::nullopt, std::nullopt);
      trained_.push_back(random({kWidth, 4}, 100 + seed));
      trained_.push_back(random({4, kWidth}, 200 + seed));
      trained_.push_back(random({kWidth}, 300 + seed));  // the block's own
      trained_.push_back(random({kWidth}, 400 + seed));  // m
    }
    mx::eval(trained_);
    mx::eval(x_);
  }

  // Loss and its gradients with respect to everything trained.
  [[nodiscard]] std::vector<mx::array> run(bool recompute) const {
    const auto loss = [&](const std::vector<mx::array>& trained) {
      LoraAdapter adapter;
      adapter.recompute = recompute;
      for (std::size_t i = 0; i < linears_.size(); ++i) {
        LoraWeights weights{trained[4 * i], trained[(4 * i) + 1]};
        if (dora_) {
          const mx::array& m = trained[(4 * i) + 3];
          weights.dora = Magnitudes{m, mx::exp(m)};
        }
        adapter.layers.insert({linears_[i].path(), weights});
      }
      const std::vector<AdapterSpan> spans{{&adapter, 0, kRows}};
      EXPECT_EQ(recomputes(spans), recompute);
      mx::array h = x_;
      for (std::size_t i = 0; i < linears_.size(); ++i) {
        const std::vector<mx::array> own{trained[(4 * i) + 2]};
        const Block block = body(linears_[i]);
        const std::string prefix = "layers." + std::to_string(i) + ".";
        h = recompute ? run_block(block, prefix, h, spans, own) : block(h, spans, own);
      }
      return std::vector<mx::array>{mx::sum(mx::square(h))};
    };
    std::vector<int> all(trained_.size());
    std::iota(all.begin(), all.end(), 0);
    auto [results, gradients] = mx::value_and_grad(loss, all)(trained_);
    results.insert(results.end(), gradients.begin(), gradients.end());
    return results;
  }

 private:
  static Block body(const Linear& linear) {
    return [&linear](
               const mx::array& x, AdapterSpans adapters, const std::vector<mx::array>& weights) {
      mx::array y = linear(x, adapters) * weights.at(0);
      for (int i = 0; i < 10; ++i) {
        y = mx::tanh(y + mx::array(0.01F));
      }
      return x + y;
    };
  }

  bool dora_;
  mx::array x_ = random({kRows, kWidth}, 1);
  std::vector<Linear> linears_;
  std::vector<mx::array> trained_;  // of each block a, b, its own weight, m
};

TEST(Recompute, LossAndGradientsHaveTheSameBits) {
  for (const bool dora : {false, true}) {
    SCOPED_TRACE(dora);
    const Chain chain(dora);
    const auto kept = chain.run(false);
    const auto recomputed = chain.run(true);
    ASSERT_EQ(kept.size(), recomputed.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      EXPECT_TRUE(mx::array_equal(kept[i], recomputed[i]).item<bool>()) << i;
      const bool is_unused = !dora && i > 0 && i % 4 == 0;  // m
      EXPECT_EQ(mx::max(mx::abs(kept[i])).item<float>() > 0.0F, !is_unused) << i;
    }
  }
}

std::uint64_t peak_of(const Chain& chain, bool recompute) {
  const std::uint64_t before = tensor::memory().active;
  auto results = chain.run(recompute);
  tensor::reset_peak_memory();
  mx::eval(results);
  return tensor::memory().peak - before;
}

// Kept are some 20 arrays of a block (tanh's result, its input); recomputed, one and a block's.
TEST(Recompute, KeepsOnlyTheBlocksInputs) {
  const Chain chain(false);
  const auto kept = peak_of(chain, false);
  const auto recomputed = peak_of(chain, true);
  EXPECT_LT(static_cast<double>(recomputed), 0.5 * static_cast<double>(kept))
      << recomputed << " of " << kept << " bytes";
}

// The factor is held by the block instead of coming through its adapter.
TEST(Recompute, RefusesABlockThatHidesATrainedArray) {
  const auto loss = [](const std::vector<mx::array>& in) {
    LoraAdapter adapter;
    adapter.recompute = true;
    const std::vector<AdapterSpan> spans{{&adapter, 0, 2}};
    const Block block = [hidden = in[0]](
                            const mx::array& x, AdapterSpans, const std::vector<mx::array>&) {
      return x * hidden;
    };
    return std::vector<mx::array>{mx::sum(run_block(block, "layers.0.", in[0] + in[0], spans))};
  };
  EXPECT_THROW(mx::value_and_grad(loss, std::vector<int>{0})({random({2, 3}, 1)}), base::Error);
}

}  // namespace
}  // namespace hub::nn
