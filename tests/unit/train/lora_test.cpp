#include "core/train/lora.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

std::string refusal(const model_config::FinetuneParams& params) {
  const TinyModel model;
  try {
    static_cast<void>(make_adapter(model.get(), params, 1));
  } catch (const base::Error& error) {
    return error.param() + ": " + error.what();
  }
  return "accepted";
}

TEST(MakeAdapterTest, AdaptsEveryLinearByDefault) {
  const TinyModel model;
  const TrainableAdapter adapter = make_adapter(model.get(), tiny_params(), 1);
  EXPECT_EQ(adapter.modules.size(), 14U);
  EXPECT_TRUE(
      std::is_sorted(
          adapter.modules.begin(), adapter.modules.end(), [](const auto& left, const auto& right) {
            return left.base.path() < right.base.path();
          }));
  ASSERT_EQ(adapter.parameters.size(), 28U);
  EXPECT_EQ(adapter.names()[0], "model.layers.0.mlp.down_proj.lora_a");
  EXPECT_EQ(adapter.names()[1], "model.layers.0.mlp.down_proj.lora_b");
  EXPECT_EQ(adapter.parameters[0].shape(), (mx::Shape{96, 4}));
  EXPECT_EQ(adapter.parameters[1].shape(), (mx::Shape{4, 64}));
  EXPECT_EQ(adapter.parameters[0].dtype(), mx::float32);
}

TEST(MakeAdapterTest, InitialisesAsMlxLm) {
  const TinyModel model;
  auto params = tiny_params();
  params.target_modules = {"self_attn.q_proj"};
  params.num_layers = 1;
  params.rank = 64;
  const TrainableAdapter adapter = make_adapter(model.get(), params, 1);
  const auto values = flat(adapter);
  const float bound = 1.0F / std::sqrt(64.0F);
  const auto middle = values.begin() + 4096;  // A [64, 64], then B
  double squares = 0.0;
  for (auto a = values.begin(); a != middle; ++a) {
    EXPECT_LE(std::abs(*a), bound);
    squares += static_cast<double>(*a) * static_cast<double>(*a);
  }
  // The variance of U(-b, b) is b^2 / 3.
  EXPECT_NEAR(squares / (64.0 * 64.0), static_cast<double>(bound * bound) / 3.0, 2e-4);
  EXPECT_TRUE(std::all_of(middle, values.end(), [](float b) { return b == 0.0F; }));
}

// mlx_lm/tuner/lora.py › LoRASwitchLinear: factors for each expert.
TEST(MakeAdapterTest, AdaptsEveryExpert) {
  const auto model = models::FamilyCase("qwen3_moe").load();
  auto params = tiny_params();
  params.target_modules = {"switch_mlp.down_proj"};
  const TrainableAdapter adapter = make_adapter(*model, params, 1);
  EXPECT_EQ(adapter.modules.size(), 2U) << "one of three layers is dense";
  EXPECT_EQ(adapter.parameters[0].shape(), (mx::Shape{5, 4, 16}));
  EXPECT_EQ(adapter.parameters[1].shape(), (mx::Shape{5, 32, 4}));
  const nn::LoraAdapter start = adapter.adapter();
  EXPECT_EQ(continue_adapter(start, *model, params).rank, 4);
}

TEST(MakeAdapterTest, RefusesMagnitudesOfExperts) {
  const auto model = models::FamilyCase("qwen3_moe").load();
  auto params = tiny_params();
  params.method = "dora";
  try {
    make_adapter(*model, params, 1);
    FAIL() << "was made";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.param(), "params.method");
    EXPECT_THAT(error.what(), testing::HasSubstr("which has experts"));
  }
  params.target_modules = {"self_attn.q_proj", "mlp.gate"};
  EXPECT_NO_THROW(make_adapter(*model, params, 1));
}

TEST(MakeAdapterTest, DependsOnTheSeed) {
  const TinyModel model;
  const auto params = tiny_params();
  EXPECT_EQ(flat(make_adapter(model.get(), params, 5)), flat(make_adapter(model.get(), params, 5)));
  EXPECT_NE(flat(make_adapter(model.get(), params, 5)), flat(make_adapter(model.get(), params, 6)));
}

TEST(MakeAdapterTest, ChoosesTheLastLayersAndTheNamedModules) {
  const TinyModel model;
  auto params = tiny_params();
  params.num_layers = 1;
  params.target_modules = {"self_attn.v_proj", "down_proj"};
  const TrainableAdapter adapter = make_adapter(model.get(), params, 1);
  EXPECT_EQ(
      adapter.names(),
      (std::vector<std::string>{
          "model.layers.1.mlp.down_proj.lora_a",
          "model.layers.1.mlp.down_proj.lora_b",
          "model.layers.1.self_attn.v_proj.lora_a",
          "model.layers.1.self_attn.v_proj.lora_b"}));
}

TEST(MakeAdapterTest, TakesWholePathsAndTheEmbeddingTable) {
  const TinyModel model;
  auto params = tiny_params();
  params.num_layers = 1;
  params.method = "dora";
  params.target_modules = {"model.layers.0.mlp.up_proj", "embed_tokens"};
  const TrainableAdapter adapter = make_adapter(model.get(), params, 1);
  EXPECT_EQ(
      adapter.names(),
      (std::vector<std::string>{
          "model.embed_tokens.lora_a",
          "model.embed_tokens.lora_b",
          "model.embed_tokens.m",
          "model.layers.0.mlp.up_proj.lora_a",
          "model.layers.0.mlp.up_proj.lora_b",
          "model.layers.0.mlp.up_proj.m"}));
  EXPECT_EQ(adapter.parameters[0].shape(), (mx::Shape{96, 4}));
  EXPECT_EQ(adapter.parameters[1].shape(), (mx::Shape{4, 64}));
  EXPECT_EQ(adapter.parameters[2].shape(), (mx::Shape{96}));
}

TEST(MakeAdapterTest, RefusesWhatMatchesNothing) {
  auto params = tiny_params();
  params.target_modules = {"self_attn.q_proj", "self_attn.w_proj"};
  const std::string message = refusal(params);
  EXPECT_NE(message.find("params.target_modules"), std::string::npos) << message;
  EXPECT_NE(message.find("\"self_attn.w_proj\""), std::string::npos) << message;
  EXPECT_NE(message.find("mlp.down_proj"), std::string::npos) << message;

  params.target_modules = std::vector<std::string>{};
  EXPECT_NE(refusal(params).find("nothing would be trained"), std::string::npos);

  params = tiny_params();
  params.num_layers = 3;
  EXPECT_NE(refusal(params).find("params.num_layers: num_layers is 3"), std::string::npos);
}

TEST(TrainableAdapterTest, BindsInParameterOrder) {
  const TinyModel model;
  const TrainableAdapter adapter = make_adapter(model.get(), tiny_params(), 1);
  const nn::LoraAdapter bound = adapter.adapter();
  EXPECT_EQ(bound.layers.size(), 14U);
  EXPECT_FLOAT_EQ(bound.scale, 20.0F);
  EXPECT_FLOAT_EQ(bound.dropout, 0.0F);
  const nn::LoraWeights& weights = bound.layers.at("model.layers.0.mlp.down_proj");
  EXPECT_EQ(weights.a.id(), adapter.parameters[0].id());
  EXPECT_EQ(weights.b.id(), adapter.parameters[1].id());
}

TEST(TrainableAdapterTest, DropoutNeedsAKey) {
  const TinyModel model;
  auto params = tiny_params();
  params.dropout = 0.25;
  const TrainableAdapter adapter = make_adapter(model.get(), params, 1);
  EXPECT_FLOAT_EQ(adapter.adapter().dropout, 0.0F);
  const nn::LoraAdapter training = adapter.bind(adapter.parameters, mx::random::key(3));
  EXPECT_FLOAT_EQ(training.dropout, 0.25F);
  EXPECT_TRUE(training.dropout_key.has_value());
}

TEST(ContinueAdapterTest, KeepsTheValuesRankAndScale) {
  const TinyModel model;
  auto params = tiny_params();
  params.scale = 7.0;
  TrainableAdapter start = make_adapter(model.get(), params, 1);
  fill_b(start);
  const TrainableAdapter next = continue_adapter(start.adapter(), model.get(), tiny_params());
  EXPECT_EQ(next.names(), start.names());
  EXPECT_EQ(flat(next), flat(start));
  EXPECT_EQ(next.rank, 4);
  EXPECT_FLOAT_EQ(next.scale, 7.0F);
}

}  // namespace
}  // namespace hub::train
