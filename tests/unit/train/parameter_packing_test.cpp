#include "core/train/parameter_packing.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/train/optimizer.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using model_config::OptimizerParams;

std::vector<mx::array> random_arrays(std::uint64_t seed) {
  std::vector<mx::array> arrays;
  for (const mx::Shape& shape : {mx::Shape{3, 5}, mx::Shape{4}, mx::Shape{2, 2}, mx::Shape{6}}) {
    arrays.push_back(mx::random::normal(shape, mx::float32, mx::random::key(seed++)));
  }
  return arrays;
}

void expect_equal(const std::vector<mx::array>& got, const std::vector<mx::array>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].shape(), wanted[i].shape()) << i;
    EXPECT_EQ(values_of(got[i]), values_of(wanted[i])) << i;
  }
}

// As with DoRA: matrices decay, vectors do not.
const std::vector<double> kDecays = {0.1, 0.0, 0.1, 0.0};

TEST(ParameterPackingTest, JoinsArraysOfOneDecay) {
  const auto arrays = random_arrays(1);
  const ParameterPacking packing(arrays, kDecays, true);
  const auto packed = packing.pack(arrays);
  ASSERT_EQ(packed.size(), 2U);
  EXPECT_EQ(packed[0].shape(), (mx::Shape{19}));
  EXPECT_EQ(packed[1].shape(), (mx::Shape{10}));
  EXPECT_EQ(packing.decays(), (std::vector<double>{0.1, 0.0}));
  expect_equal(packing.unpack(packed), arrays);
}

TEST(ParameterPackingTest, LeavesOtherTypesAndLargeArraysAlone) {
  std::vector<mx::array> arrays = random_arrays(1);
  arrays[1] = mx::astype(arrays[1], mx::float16);
  arrays[2] = mx::zeros({1024, 1024});
  const std::vector<double> same(4, 0.0);
  const ParameterPacking packing(arrays, same, true);
  const auto packed = packing.pack(arrays);
  ASSERT_EQ(packed.size(), 3U);
  EXPECT_EQ(packed[0].shape(), (mx::Shape{21}));  // the first and the last
  EXPECT_EQ(packed[1].dtype(), mx::float16);
  EXPECT_EQ(packed[2].shape(), (mx::Shape{1024, 1024}));
  const auto unpacked = packing.unpack(packed);
  EXPECT_EQ(unpacked[1].dtype(), mx::float16);
  EXPECT_EQ(values_of(unpacked[3]), values_of(arrays[3]));
}

TEST(ParameterPackingTest, UnwantedItChangesNothing) {
  const auto arrays = random_arrays(1);
  const ParameterPacking packing(arrays, kDecays, false);
  EXPECT_EQ(packing.decays(), kDecays);
  const auto packed = packing.pack(arrays);
  ASSERT_EQ(packed.size(), arrays.size());
  for (std::size_t i = 0; i < packed.size(); ++i) {
    EXPECT_EQ(packed[i].id(), arrays[i].id());
  }
}

class PackedOptimizerTest : public testing::TestWithParam<const char*> {};

// Parameters and state, also when the state went through its unpacked form as in a checkpoint.
TEST_P(PackedOptimizerTest, UpdatesAsUnpacked) {
  auto settings = OptimizerParams::defaults(GetParam());
  ASSERT_TRUE(updates_each_value_alone(settings));
  settings.momentum = settings.name == "sgd" ? 0.9 : settings.momentum;
  auto wanted = random_arrays(1);
  auto got = wanted;
  const ParameterPacking packing(wanted, kDecays, true);
  const auto alone = make_optimizer(settings, wanted, kDecays);
  auto joined = make_optimizer(settings, packing.pack(got), packing.decays());
  for (std::uint64_t update = 0; update < 4; ++update) {
    const auto gradients = random_arrays(100 + (10 * update));
    wanted = alone->update(wanted, gradients, 0.01);
    got = packing.unpack(joined->update(packing.pack(got), packing.pack(gradients), 0.01));
    const auto state = packing.unpack_state(joined->state());
    expect_equal(got, wanted);
    expect_equal(state, alone->state());
    auto next = make_optimizer(settings, packing.pack(got), packing.decays());
    next->restore(packing.pack_state(state), joined->updates());
    joined = std::move(next);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers, PackedOptimizerTest, testing::Values("adam", "adamw", "sgd", "lion"));

TEST(ParameterPackingTest, OptimizersThatLookAtWholeArraysAreNotForIt) {
  EXPECT_FALSE(updates_each_value_alone(OptimizerParams::defaults("muon")));
  EXPECT_FALSE(updates_each_value_alone(OptimizerParams::defaults("adafactor")));
}

}  // namespace
}  // namespace hub::train
