#include "core/train/gradient_clip.h"

#include <gtest/gtest.h>

namespace hub::train {
namespace {

TEST(ClipByNormTest, LeavesSmallGradientsAlone) {
  const std::vector<mx::array> gradients = {mx::array({3.0F}), mx::array({4.0F})};
  const mx::array norm = global_norm(gradients);
  EXPECT_FLOAT_EQ(mx::array(norm).item<float>(), 5.0F);
  const auto same = clip_by_norm(gradients, norm, 10.0F);
  EXPECT_FLOAT_EQ(mx::array(same[1]).item<float>(), 4.0F);
  const auto clipped = clip_by_norm(gradients, norm, 1.0F);
  EXPECT_NEAR(mx::array(global_norm(clipped)).item<float>(), 1.0F, 1e-5F);
}

}  // namespace
}  // namespace hub::train
