// What tests/unit/models/families_test.cpp does not ask of every family.
#include "core/models/llama.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

std::unique_ptr<LanguageModel> tiny(const base::Json& config = test::tiny_config()) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path(), config);
  return load_model(folder.path());
}

const std::vector<int> kPrompt{5, 17, 3, 80, 42, 9, 9, 61, 33, 2, 70};

// Random factors for every linear of the model.
nn::LoraAdapter random_adapter(const LanguageModel& model, std::uint64_t seed) {
  nn::LoraAdapter adapter;
  adapter.scale = 3.0F;
  mx::array key = mx::random::key(seed);
  const auto normal = [&](int height, int width) {
    const auto [first, second] = mx::random::split(key);
    key = first;
    return mx::random::normal({height, width}, mx::float32, 0.0F, 0.1F, second);
  };
  for (const nn::Linear* linear : model.linears()) {
    adapter.layers.insert(
        {linear->path(), {normal(linear->in_features(), 4), normal(4, linear->out_features())}});
  }
  return adapter;
}

TEST(Llama, GradientsFlowToTheFirstLayersAdapter) {
  const auto model = tiny();
  const nn::LoraAdapter adapter = random_adapter(*model, 3);
  const std::string path = "model.layers.0.self_attn.k_proj";
  const auto loss = [&](const std::vector<mx::array>& factors) {
    nn::LoraAdapter traced = adapter;
    traced.layers.insert_or_assign(path, nn::LoraWeights{factors[0], factors[1]});
    const std::vector<nn::AdapterSpan> spans{{&traced, 0, 8}};
    const mx::array hidden =
        model->hidden(tokens_of({5, 17, 3, 80, 42, 9, 9, 61}), causal_attend(*model, 2, 4), spans);
    return std::vector<mx::array>{mx::mean(mx::square(model->logits(hidden, spans)))};
  };
  const nn::LoraWeights& at = adapter.layers.at(path);
  const auto [value, gradients] = mx::value_and_grad(loss, {0, 1})({at.a, at.b});
  // A step against the gradient must lower the loss as much as the gradient says.
  const mx::array norm =
      mx::sqrt(mx::add(mx::sum(mx::square(gradients[0])), mx::sum(mx::square(gradients[1]))));
  const float length = 1e-2F;
  const mx::array rate = mx::divide(mx::array(length), norm);
  const auto moved = [&](float sign) {
    const mx::array by = mx::multiply(mx::array(sign), rate);
    return loss({mx::add(at.a, mx::multiply(by, gradients[0])),
                 mx::add(at.b, mx::multiply(by, gradients[1]))})
        .front()
        .item<float>();
  };
  const float slope = (moved(1.0F) - moved(-1.0F)) / (2.0F * length);
  EXPECT_NEAR(slope / norm.item<float>(), 1.0F, tensor::default_device_is_gpu() ? 0.05F : 0.02F);
}

// Every variant of the family must load, run, and agree with itself between the two attentions.
TEST(Llama, VariantsOfTheFamily) {
  std::vector<base::Json> variants(6, test::tiny_config());
  variants[0]["tie_word_embeddings"] = false;
  variants[1]["attention_bias"] = true;
  variants[1]["mlp_bias"] = true;
  variants[2].erase("quantization");
  variants[3]["rope_scaling"] = {
      {"type", "llama3"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
  variants[4]["rope_traditional"] = true;
  variants[4]["model_type"] = "mistral";
  variants[5]["num_key_value_heads"] = 4;
  variants[5]["quantization"] = {{"group_size", 32}, {"bits", 2}};
  const mx::array base = forward(*tiny(), kPrompt);
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const auto model = tiny(variants[i]);
    const mx::array logits = forward(*model, kPrompt);
    EXPECT_GT(relative_error(logits, base), 1e-4F) << i;
    const mx::array trained = model->logits(
        model->hidden(
            tokens_of(kPrompt), causal_attend(*model, 1, static_cast<int>(kPrompt.size())), {}),
        {});
    EXPECT_LT(relative_error(trained, logits), 1e-5F) << i;
    EXPECT_GT(model->weight_bytes(), 0U);
  }
}

TEST(Llama, LinearsComeInLayerOrder) {
  const auto model = tiny();
  const auto linears = model->linears();
  ASSERT_EQ(linears.size(), 14U);
  EXPECT_EQ(linears.front()->path(), "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(linears.back()->path(), "model.layers.1.mlp.down_proj");
  EXPECT_EQ(linears.back()->in_features(), 96);
  EXPECT_EQ(linears.back()->out_features(), 64);
}

}  // namespace
}  // namespace hub::models
