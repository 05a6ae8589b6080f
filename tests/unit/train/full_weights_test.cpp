#include "core/train/full_weights.h"

#include <cstdint>
#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/train/gradient_sum.h"
#include "core/train/loss.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

std::shared_ptr<const models::ModelTensors> tiny_arrays(bool packed) {
  const test::TempDir folder;
  base::Json config = test::tiny_config();
  if (!packed) {
    config.erase("quantization");
  }
  test::write_tiny_model(folder.path(), config);
  return std::make_shared<models::ModelTensors>(models::load_tensors(folder.path()));
}

std::string refused_field(bool packed, const model_config::FinetuneParams& params) {
  try {
    static_cast<void>(make_full_weights(tiny_arrays(packed), params));
  } catch (const base::Error& error) {
    return error.param();
  }
  return "none";
}

TEST(FullWeightsTest, TakesEverythingInTheLastLayers) {
  auto params = tiny_params();
  params.method = "full";
  EXPECT_EQ(make_full_weights(tiny_arrays(false), params).names().size(), 18U);
  params.num_layers = 1;
  const auto names = make_full_weights(tiny_arrays(false), params).names();
  EXPECT_EQ(names.size(), 9U);  // seven matrices and two norms
  EXPECT_EQ(names.front(), "model.layers.1.input_layernorm.weight");
}

TEST(FullWeightsTest, TakesNamedModules) {
  auto params = tiny_params();
  params.method = "full";
  params.num_layers = 1;
  params.target_modules = {"model.embed_tokens", "norm", "model.layers.0.mlp.up_proj", "q_proj"};
  const std::vector<std::string> wanted = {
      "model.embed_tokens.weight",
      "model.layers.0.mlp.up_proj.weight",
      "model.layers.1.self_attn.q_proj.weight",
      "model.norm.weight"};
  EXPECT_EQ(make_full_weights(tiny_arrays(false), params).names(), wanted);
}

TEST(FullWeightsTest, RefusesPackedWeightsAndWhatIsNotThere) {
  auto params = tiny_params();
  params.method = "full";
  EXPECT_EQ(refused_field(true, params), "params.method");
  params.target_modules = {"model.norm"};  // a norm of a packed model is dense
  EXPECT_EQ(refused_field(true, params), "none");
  params.target_modules = {"w_proj"};
  EXPECT_EQ(refused_field(false, params), "params.target_modules");
  params.target_modules.reset();
  params.num_layers = 3;
  EXPECT_EQ(refused_field(false, params), "params.num_layers");
}

// Central differences along the gradient of each array, with experts and attention sinks.
TEST(FullWeightsTest, ExpertsAndSinksHaveGradients) {
  const test::TempDir folder;
  const models::FamilyCase golden("gpt_oss");
  base::Json config = golden.config();
  config["num_experts_per_tok"] = config.at("num_local_experts");  // no jumps from one to another
  test::write_model(folder.path(), config, golden.tensors());
  const auto arrays = std::make_shared<models::ModelTensors>(models::load_tensors(folder.path()));
  const auto model = models::load_model(folder.path());
  auto params = tiny_params();
  params.method = "full";
  const TrainableWeights trained = make_full_weights(arrays, params);
  const auto rows = counting_rows(2);
  const Batch batch = make_batch(picked(rows, std::vector<std::size_t>{0, 1}), {.pad_multiple = 8});
  const auto loss = [&](const std::vector<mx::array>& values) {
    const PlacedModel placed = trained.place(*model, values, std::nullopt);
    return masked_loss_sum(*placed.model, &placed.adapter, batch);
  };
  GradientSum sum(false);
  sum.add(loss, trained.parameters, 1);
  const std::vector<mx::array> gradients = sum.take_mean();
  const auto names = trained.names();
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const float norm = mx::sqrt(mx::sum(mx::square(gradients[i]))).item<float>();
    ASSERT_GT(norm, 1e-2F) << names[i];
    const auto loss_at = [&](float step) {
      std::vector<mx::array> values = trained.parameters;
      values[i] = values[i] + gradients[i] * mx::array(step / norm);
      mx::array total = loss(values);
      return static_cast<double>(total.item<float>());
    };
    const double slope = (loss_at(2e-3F) - loss_at(-2e-3F)) / 4e-3;
    EXPECT_NEAR(slope, norm, 0.03 * static_cast<double>(norm) + 0.02) << names[i];
    seen.insert(names[i].substr(names[i].rfind('.', names[i].rfind('.') - 1) + 1));
  }
  EXPECT_TRUE(seen.contains("self_attn.sinks"));
  EXPECT_TRUE(seen.contains("gate_proj.weight"));
  EXPECT_TRUE(seen.contains("down_proj.bias"));
}

// Packed experts are refused as packed matrices are; what is dense beside them trains.
TEST(FullWeightsTest, RefusesPackedExperts) {
  const test::TempDir folder;
  models::FamilyCase("gpt_oss_mxfp4").write_model(folder.path());
  const auto arrays = std::make_shared<models::ModelTensors>(models::load_tensors(folder.path()));
  auto params = tiny_params();
  params.method = "full";
  params.target_modules = {"mlp.experts.up_proj"};
  EXPECT_THROW(make_full_weights(arrays, params), base::Error);
  params.target_modules = {"input_layernorm"};
  const TrainableWeights trained = make_full_weights(arrays, params);
  const auto model = models::load_model(folder.path());
  EXPECT_NO_THROW(static_cast<void>(trained.place(*model, trained.parameters, std::nullopt)));
}

// With the last layer alone in training, no gradient is computed under it: the graph of a deeper
// model's gradient is larger only by its forward pass.
std::size_t count_nodes(const std::vector<mx::array>& roots) {
  std::set<std::uintptr_t> seen;
  std::vector<mx::array> pending = roots;
  while (!pending.empty()) {
    const mx::array array = pending.back();
    pending.pop_back();
    if (seen.insert(array.id()).second) {
      pending.insert(pending.end(), array.inputs().begin(), array.inputs().end());
    }
  }
  return seen.size();
}

class NodesTest : public testing::TestWithParam<const char*> {
 protected:
  struct Nodes {
    std::size_t loss;
    std::size_t gradients;
  };
  static Nodes nodes(const std::string& method, int layers) {
    const test::TempDir folder;
    base::Json config = test::tiny_config();
    config.erase("quantization");
    config["num_hidden_layers"] = layers;
    test::write_tiny_model(folder.path(), config);
    const auto model = models::load_model(folder.path());
    auto params = tiny_params();
    params.method = method;
    params.num_layers = 1;
    std::unique_ptr<Trainable> trained;
    if (method == "full") {
      trained = std::make_unique<TrainableWeights>(make_full_weights(
          std::make_shared<models::ModelTensors>(models::load_tensors(folder.path())), params));
    } else {
      trained = fresh(*model, params);
    }
    const auto rows = counting_rows(2);
    const Batch batch =
        make_batch(picked(rows, std::vector<std::size_t>{0, 1}), {.pad_multiple = 8});
    const auto loss = [&](const std::vector<mx::array>& values) {
      const PlacedModel placed = trained->place(*model, values, std::nullopt);
      return masked_loss_sum(*placed.model, &placed.adapter, batch);
    };
    GradientSum sum(false);
    sum.add(loss, trained->parameters, batch.trained_tokens);
    return {count_nodes({loss(trained->parameters)}), count_nodes(sum.take_mean())};
  }
};

TEST_P(NodesTest, NoGradientWorkBelowTheLowestTrainedLayer) {
  const Nodes shallow = nodes(GetParam(), 2);
  const Nodes deep = nodes(GetParam(), 6);
  EXPECT_GT(deep.loss, shallow.loss);
  EXPECT_EQ(deep.gradients - shallow.gradients, deep.loss - shallow.loss);
}

INSTANTIATE_TEST_SUITE_P(
    Methods, NodesTest, testing::Values("lora", "dora", "full"), [](const auto& tested) {
      return std::string(tested.param);
    });

}  // namespace
}  // namespace hub::train
