#include "core/engine/pool.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::engine {
namespace {

using model_config::Pooling;
using testing::ElementsAre;
using testing::FloatEq;

std::vector<float> pooled(Pooling pooling, std::optional<int> dimensions, bool normalize) {
  Pool pool(pooling);
  for (const std::vector<float>& row : std::vector<std::vector<float>>{
           {3.0F, 4.0F, 0.0F}, {1.0F, 2.0F, 3.0F}, {5.0F, 0.0F, 9.0F}}) {
    pool.add(row);
  }
  return pool.vector(dimensions, normalize);
}

TEST(Pool, TakesTheMeanTheLastOrTheFirst) {
  EXPECT_THAT(pooled(Pooling::kMean, {}, false), ElementsAre(3.0F, 2.0F, 4.0F));
  EXPECT_THAT(pooled(Pooling::kLast, {}, false), ElementsAre(5.0F, 0.0F, 9.0F));
  EXPECT_THAT(pooled(Pooling::kCls, {}, false), ElementsAre(3.0F, 4.0F, 0.0F));
}

TEST(Pool, ScalesToLengthOneWhatIsLeftAfterCutting) {
  EXPECT_THAT(pooled(Pooling::kCls, {}, true), ElementsAre(FloatEq(0.6F), FloatEq(0.8F), 0.0F));
  EXPECT_THAT(pooled(Pooling::kCls, 1, true), ElementsAre(FloatEq(1.0F)));
  EXPECT_THAT(pooled(Pooling::kLast, 2, false), ElementsAre(5.0F, 0.0F));
}

TEST(Pool, NothingButZerosStaysSo) {
  Pool pool(Pooling::kMean);
  pool.add(std::vector<float>{0.0F, 0.0F});
  EXPECT_THAT(pool.vector({}, true), ElementsAre(0.0F, 0.0F));
}

}  // namespace
}  // namespace hub::engine
