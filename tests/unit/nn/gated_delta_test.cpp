#include "core/nn/gated_delta.h"

#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::nn {
namespace {

using kernels::random_array;
using kernels::relative_error;
using kernels::rows_of;
using kernels::same_bits;

constexpr DeltaHeads kHeads{2, 4, 8, 12};
constexpr int kKernel = 4;
constexpr int kChannels = 2 * 2 * 8 + 4 * 12;

DeltaRows random_rows(int rows) {
  return {
      random_array({rows, kChannels}, 1),
      random_array({kChannels, kKernel}, 2, 0.5F),
      mx::negative(mx::abs(random_array({rows, 4}, 3, 0.3F))),
      mx::sigmoid(random_array({rows, 4}, 4))};
}

// Token after token, by MLX's convolution and composed_gated_delta_step alone.
mx::array reference(const DeltaRows& rows) {
  const int count = rows.qkv.shape(0);
  const mx::array input =
      mx::expand_dims(mx::concatenate({mx::zeros({kKernel - 1, kChannels}), rows.qkv}, 0), 0);
  const mx::array sums =
      mx::squeeze(mx::conv1d(input, mx::expand_dims(rows.conv, 2), 1, 0, 1, kChannels), 0);
  const auto parts = mx::split(mx::multiply(sums, mx::sigmoid(sums)), mx::Shape{16, 32}, 1);
  const auto normed = [&](const mx::array& x) {
    const mx::array heads = mx::reshape(x, {count, 2, 8});
    const mx::array squares = mx::sum(mx::square(heads), 2, true);
    return mx::reshape(
        mx::multiply(heads, mx::rsqrt(mx::add(squares, mx::array(1e-6F)))), x.shape());
  };
  const mx::array q = mx::multiply(normed(parts[0]), mx::array(1.0F / std::sqrt(8.0F)));
  return kernels::composed_gated_delta_step(
             q,
             normed(parts[1]),
             parts[2],
             mx::exp(rows.log_decay),
             rows.beta,
             mx::zeros({4, 12, 8}),
             kHeads)
      .out;
}

// Lengths below, at and beyond the chunk of 64.
TEST(GatedDeltaRule, WholeSequencesEqualTokenAfterToken) {
  for (const int length : {1, 5, 63, 64, 65, 200}) {
    const DeltaRows rows = random_rows(length);
    const mx::array wanted = reference(rows);
    EXPECT_LE(relative_error(delta_whole(rows, {length}, kHeads), wanted), 2e-5) << length;
    DeltaState state = empty_delta_state(kHeads, kKernel);
    EXPECT_LE(relative_error(delta_step(rows, state, kHeads), wanted), 2e-5) << length;
  }
}

TEST(GatedDeltaRule, SequencesOfABatchDoNotMix) {
  const std::vector<int> lengths{70, 70, 30, 1, 39};
  const DeltaRows rows = random_rows(210);
  const mx::array all = delta_whole(rows, lengths, kHeads);
  int begin = 0;
  for (const int length : lengths) {
    const DeltaRows own = part_of(rows, begin, begin + length);
    EXPECT_LE(
        relative_error(rows_of(all, begin, begin + length), delta_whole(own, {length}, kHeads)),
        1e-6);
    begin += length;
  }
}

// Keys that hardly differ, with beta near 1 and no decay: the system of a chunk is as badly
// conditioned as it gets.
TEST(GatedDeltaRule, StaysExactWithEqualKeys) {
  DeltaRows rows = random_rows(130);
  rows.qkv = mx::add(mx::multiply(rows.qkv, mx::array(0.05F)), mx::array(1.0F));
  rows.log_decay = mx::multiply(rows.log_decay, mx::array(1e-3F));
  rows.beta = mx::add(mx::multiply(rows.beta, mx::array(0.01F)), mx::array(0.985F));
  EXPECT_LE(relative_error(delta_whole(rows, {130}, kHeads), reference(rows)), 1e-3);
}

TEST(GatedDeltaRule, GradientsEqualThoseOfTokenAfterToken) {
  const DeltaRows rows = random_rows(75);
  const mx::array seed = random_array({75, 48}, 9);
  const auto gradients = [&](const auto& rule) {
    const auto loss = [&](const std::vector<mx::array>& x) {
      return std::vector{mx::sum(mx::multiply(rule(DeltaRows{x[0], x[1], x[2], x[3]}), seed))};
    };
    return mx::vjp(loss, {rows.qkv, rows.conv, rows.log_decay, rows.beta}, {mx::array(1.0F)})
        .second;
  };
  const auto own = gradients([](const DeltaRows& x) { return delta_whole(x, {75}, kHeads); });
  const auto wanted = gradients(reference);
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_LE(relative_error(own[i], wanted[i]), 1e-4) << "input " << i;
  }
}

TEST(GatedDeltaRule, CutsDoNotMatter) {
  const DeltaRows rows = random_rows(20);
  DeltaState whole = empty_delta_state(kHeads, kKernel);
  const mx::array wanted = delta_step(rows, whole, kHeads);
  DeltaState state = empty_delta_state(kHeads, kKernel);
  std::vector<mx::array> pieces;
  for (const auto& [begin, end] : {std::pair{0, 1}, {1, 3}, {3, 20}}) {
    pieces.push_back(delta_step(part_of(rows, begin, end), state, kHeads));
  }
  EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), wanted));
  EXPECT_TRUE(same_bits(state.conv, whole.conv));
  EXPECT_TRUE(same_bits(state.delta, whole.delta));
}

}  // namespace
}  // namespace hub::nn
