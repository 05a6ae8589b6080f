#include "core/train/weight_decay.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"

namespace hub::train {
namespace {

using Decays = std::vector<double>;

class WeightDecaysTest : public testing::Test {
 protected:
  [[nodiscard]] Decays decays() const { return weight_decays(params_, names_, parameters_); }

  std::vector<std::string> names_ = {
      "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.q_proj.bias",
      "model.layers.0.input_layernorm.weight",
      "model.embed_tokens.weight"};
  std::vector<mx::array> parameters_ = {
      mx::zeros({2, 2}), mx::zeros({2}), mx::zeros({2}), mx::zeros({3, 2})};
  model_config::FinetuneParams params_;
};

TEST_F(WeightDecaysTest, MatricesHaveTheOptimizersDefault) {
  EXPECT_EQ(decays(), (Decays{0.01, 0.0, 0.0, 0.01}));
  params_.optimizer = model_config::OptimizerParams::defaults("lion");
  EXPECT_EQ(decays(), (Decays{0.0, 0.0, 0.0, 0.0}));
  params_.weight_decay = 0.5;
  EXPECT_EQ(decays(), (Decays{0.5, 0.0, 0.0, 0.5}));
}

TEST_F(WeightDecaysTest, VectorsDecayWhenAsked) {
  params_.decay_vectors = true;
  params_.weight_decay = 0.5;
  EXPECT_EQ(decays(), (Decays{0.5, 0.5, 0.5, 0.5}));
}

TEST_F(WeightDecaysTest, NamedOnesDoNotDecay) {
  params_.weight_decay = 0.5;
  params_.no_decay = {"embed_tokens"};
  EXPECT_EQ(decays(), (Decays{0.5, 0.0, 0.0, 0.0}));
  params_.no_decay = {"q_proj.weight", "model.embed_tokens.weight"};
  EXPECT_EQ(decays(), (Decays{0.0, 0.0, 0.0, 0.0}));
}

TEST_F(WeightDecaysTest, ANameThatMatchesNothingIsRefused) {
  params_.no_decay = {"proj"};  // whole parts only
  try {
    static_cast<void>(decays());
    FAIL() << "taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.param(), "params.no_decay");
    EXPECT_NE(std::string(error.what()).find("\"proj\""), std::string::npos);
  }
}

}  // namespace
}  // namespace hub::train
