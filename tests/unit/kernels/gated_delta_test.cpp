#include "core/kernels/gated_delta.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

struct Inputs {
  mx::array q, k, v, g, beta, state;
  DeltaHeads heads;

  Inputs(int rows, const DeltaHeads& wanted)
      : q(random_array({rows, wanted.key_heads * wanted.key_dim}, 1, 0.2F)),
        k(random_array({rows, wanted.key_heads * wanted.key_dim}, 2, 0.2F)),
        v(random_array({rows, wanted.value_heads * wanted.value_dim}, 3)),
        g(mx::sigmoid(random_array({rows, wanted.value_heads}, 4, 2.0F))),
        beta(mx::sigmoid(random_array({rows, wanted.value_heads}, 5))),
        state(random_array({wanted.value_heads, wanted.value_dim, wanted.key_dim}, 6)),
        heads(wanted) {}

  [[nodiscard]] DeltaStep run(decltype(gated_delta_step)& operation) const {
    return operation(q, k, v, g, beta, state, heads);
  }
  [[nodiscard]] DeltaStep rows(int begin, int end, const mx::array& from) const {
    const auto part = [&](const mx::array& x) { return rows_of(x, begin, end); };
    return gated_delta_step(part(q), part(k), part(v), part(g), part(beta), from, heads);
  }
};

TEST(GatedDelta, EqualsMlxOperations) {
  for (const auto& [heads, rows] :
       {std::pair{DeltaHeads{2, 4, 32, 24}, 20},
        {DeltaHeads{1, 1, 7, 5}, 9},
        {DeltaHeads{3, 3, 128, 128}, 1},
        {DeltaHeads{1, 6, 17, 3}, 40}}) {
    const Inputs in(rows, heads);
    const DeltaStep own = in.run(gated_delta_step);
    const DeltaStep stock = in.run(composed_gated_delta_step);
    EXPECT_LE(relative_error(own.out, stock.out), 1e-5) << rows;
    EXPECT_LE(relative_error(own.state, stock.state), 1e-5) << rows;
  }
}

TEST(GatedDelta, CutsAndThreadsDoNotMatter) {
  const Inputs in(30, {2, 4, 32, 24});
  const DeltaStep whole = in.run(gated_delta_step);
  ThreadPool::shared().set_threads(3);
  mx::array state = in.state;
  std::vector<mx::array> pieces;
  for (const auto& [begin, end] : {std::pair{0, 1}, {1, 8}, {8, 30}}) {
    const DeltaStep step = in.rows(begin, end, state);
    pieces.push_back(step.out);
    state = step.state;
  }
  EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), whole.out));
  EXPECT_TRUE(same_bits(state, whole.state));
}

TEST(GatedDelta, RefusesWhatDoesNotFit) {
  const DeltaHeads heads{2, 4, 8, 6};
  const Inputs in(3, heads);
  EXPECT_NO_THROW(static_cast<void>(in.run(gated_delta_step)));
  const auto with = [&](const DeltaHeads& wanted) {
    gated_delta_step(in.q, in.k, in.v, in.g, in.beta, in.state, wanted);
  };
  EXPECT_THROW(with({3, 4, 8, 6}), base::Error);
  EXPECT_THROW(with({2, 4, 6, 8}), base::Error);
  EXPECT_THROW(with({0, 4, 8, 6}), base::Error);
  EXPECT_THROW(
      gated_delta_step(in.q, in.k, in.v, in.g, in.beta, mx::zeros({4, 8, 6}), heads), base::Error);
  EXPECT_THROW(
      gated_delta_step(mx::astype(in.q, mx::float16), in.k, in.v, in.g, in.beta, in.state, heads),
      base::Error);
}

}  // namespace
}  // namespace hub::kernels
