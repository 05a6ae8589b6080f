#include "core/convert/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/models/adaptable.h"
#include "tests/unit/convert/converted_model.h"
#include "tests/unit/models/family_case.h"

namespace hub::convert {
namespace {

using base::Json;

class Merging : public testing::Test {
 protected:
  void write(const Json& config) {
    test::write_tiny_model(base(), config);
    std::filesystem::create_directories(merged());
    model_ = models::load_model(base());
    adapter_ = test::random_adapter(*model_);
  }
  MergeReport run(const MergeOptions& options, const KeepGoing& keep_going = {}) {
    return merge(base(), {adapter_, whole_}, merged(), options, keep_going);
  }
  static Json dense_config() {
    Json config = test::tiny_config();
    config.erase("quantization");
    return config;
  }
  [[nodiscard]] std::filesystem::path base() const { return folder_.path() / "base"; }
  [[nodiscard]] std::filesystem::path merged() const { return folder_.path() / "merged"; }

  test::TempDir folder_;
  std::unique_ptr<models::LanguageModel> model_;
  nn::LoraAdapter adapter_;
  std::unordered_map<std::string, mx::array> whole_;
};

TEST_F(Merging, FloatWeightsGiveTheAdaptersLogits) {
  write(dense_config());
  const MergeReport report = run({});
  EXPECT_EQ(report.matrices, 14U);
  EXPECT_NEAR(report.delta.kept, 1.0, 1e-4);
  EXPECT_LT(report.delta.error, 1e-4);
  EXPECT_GT(report.delta.share, 0.0);
  model_config::check_model_folder(merged());
  const auto after = models::load_model(merged());
  EXPECT_LT(
      test::largest_difference(
          models::forward(*after, test::kText), test::logits_with(*model_, adapter_)),
      1e-4);
  EXPECT_GT(
      test::largest_difference(
          models::forward(*after, test::kText), models::forward(*model_, test::kText)),
      0.01)
      << "the adapter changes nothing: this test shows nothing";
}

// Stacks of experts, dense and packed, in affine groups and in mxfp4.
TEST_F(Merging, ExpertsGetTheirOwnDeltas) {
  for (const auto& [name, matrices] :
       {std::pair{"qwen3_moe", 23U}, {"qwen3_moe_packed", 16U}, {"gpt_oss_mxfp4", 16U}}) {
    SCOPED_TRACE(name);
    std::filesystem::remove_all(base());
    std::filesystem::remove_all(merged());
    const models::FamilyCase family(name);
    family.write_model(base());
    std::filesystem::create_directories(merged());
    model_ = models::load_model(base());
    adapter_ = test::random_adapter(*model_);
    const MergeReport report = run({.dequantize = true});
    EXPECT_EQ(report.matrices, matrices);
    // mxfp4's values are bfloat16, mlx-lm's rule.
    const bool rounded = std::string(name) == "gpt_oss_mxfp4";
    EXPECT_NEAR(report.delta.kept, 1.0, rounded ? 0.03 : 1e-3);
    model_config::check_model_folder(merged());
    const std::vector<int> text = family.sequences("inputs").at(0);
    const mx::array after = models::forward(*models::load_model(merged()), text);
    const float most = rounded ? 0.05F : 1e-3F;
    EXPECT_LT(models::relative_error(after, test::logits_with(*model_, adapter_, text)), most);
    EXPECT_GT(models::relative_error(after, models::forward(*model_, text)), 2 * most)
        << "the adapter changes nothing: this test shows nothing";

    std::filesystem::remove_all(merged());
    std::filesystem::create_directories(merged());
    run({});
    model_config::check_model_folder(merged());
    EXPECT_NO_THROW(models::load_model(merged()));
  }
}

TEST_F(Merging, RefusesMagnitudesOfExperts) {
  models::FamilyCase("qwen3_moe").write_model(base());
  std::filesystem::create_directories(merged());
  model_ = models::load_model(base());
  adapter_ = test::random_adapter(*model_);
  const mx::array m = mx::ones({16});
  adapter_.layers.at("model.layers.0.mlp.switch_mlp.up_proj").dora = nn::Magnitudes{m, m};
  try {
    run({});
    FAIL() << "was merged";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("take no magnitudes (dora)"));
  }
}

TEST_F(Merging, DequantizingLeavesFloatsAndNoQuantization) {
  Json config = test::tiny_config();
  write(config);
  run({.dequantize = true});
  EXPECT_FALSE(test::config_of(merged()).contains("quantization"));
  EXPECT_FALSE(test::config_of(merged()).contains("quantization_config"));
  const auto files = model_config::read_weight_files(merged());
  for (const auto& tensor : files.at(0).header.tensors) {
    EXPECT_NE(tensor.dtype, "U32") << tensor.name;
  }
  const auto after = models::load_model(merged());
  // The scales are float16, and so are the values: mlx-lm's rule.
  EXPECT_LT(
      test::largest_difference(
          models::forward(*after, test::kText), test::logits_with(*model_, adapter_)),
      0.02);
}

TEST_F(Merging, PackingAgainSaysWhatItSwallowed) {
  write(test::tiny_config());
  const MergeReport large = run({});
  EXPECT_GT(large.delta.kept, 0.5);
  EXPECT_GT(large.delta.error, 0.05);
  // Whatever the order of the keys.
  const nlohmann::json stated(test::tiny_config().at("quantization"));
  EXPECT_EQ(nlohmann::json(test::config_of(merged()).at("quantization")), stated);
  EXPECT_EQ(nlohmann::json(test::config_of(merged()).at("quantization_config")), stated);
  model_config::check_model_folder(merged());

  // A delta far below a packing step vanishes but for rounding.
  std::filesystem::remove_all(merged());
  std::filesystem::create_directories(merged());
  adapter_ = test::random_adapter(*model_, 0.001F);
  const MergeReport small = run({});
  EXPECT_GT(small.delta.error, 10.0 * large.delta.error);
}

TEST_F(Merging, WhatTheAdapterLeavesAloneKeepsItsBytes) {
  write(test::tiny_config());
  const std::string kept = "model.layers.1.mlp.up_proj";
  adapter_.layers.erase(kept);
  run({});
  const auto before = tensor::load_safetensors(base() / "model.safetensors");
  const auto after = tensor::load_safetensors(merged() / "model.safetensors");
  ASSERT_EQ(before.size(), after.size());
  for (const char* part : {".weight", ".scales", ".biases"}) {
    EXPECT_TRUE(models::same_bits(before.at(kept + part), after.at(kept + part)));
  }
  EXPECT_FALSE(
      models::same_bits(
          before.at("model.layers.0.mlp.up_proj.weight"),
          after.at("model.layers.0.mlp.up_proj.weight")));
}

TEST_F(Merging, LargeModelsAreCutIntoShards) {
  write(dense_config());
  run({.shard_bytes = 20'000});
  const Json index = Json::parse(base::read_file(merged() / "model.safetensors.index.json"));
  EXPECT_EQ(index.at("weight_map").size(), test::tiny_tensors(dense_config()).size());
  const auto files = model_config::read_weight_files(merged());
  EXPECT_GT(files.size(), 3U);
  for (const auto& file : files) {
    std::uint64_t bytes = 0;
    for (const auto& tensor : file.header.tensors) {
      bytes += tensor.bytes();
    }
    EXPECT_TRUE(bytes <= 20'000 || file.header.tensors.size() == 1) << file.path;
  }
  EXPECT_EQ(index.at("metadata").at("total_size"), model_config::tensor_bytes(files));
  EXPECT_LT(
      test::largest_difference(
          models::forward(*models::load_model(merged()), test::kText),
          test::logits_with(*model_, adapter_)),
      1e-4);
}

TEST_F(Merging, AnAdapterOfAnotherModelIsRefused) {
  write(dense_config());
  adapter_.layers.insert({"model.layers.7.mlp.up_proj", adapter_.layers.begin()->second});
  EXPECT_THROW(run({}), base::Error);
}

TEST_F(Merging, StopsBetweenMatrices) {
  write(dense_config());
  int calls = 0;
  EXPECT_THROW(
      run({}, [&calls](std::uint64_t, std::uint64_t) { return ++calls < 3; }), base::Error);
  EXPECT_EQ(calls, 3);
}

// The embedding table is the tied output head, too.
TEST_F(Merging, FactorsOfTheEmbeddingTableGoIn) {
  write(dense_config());
  const auto random = [](int rows, int columns) {
    return mx::random::normal({rows, columns}, mx::float32, 0.0F, 0.1F, mx::random::key(7));
  };
  adapter_.layers.insert({"model.embed_tokens", nn::LoraWeights{random(96, 4), random(4, 64)}});
  EXPECT_EQ(run({}).matrices, 15U);
  EXPECT_LT(
      test::largest_difference(
          models::forward(*models::load_model(merged()), test::kText),
          test::logits_with(*model_, adapter_)),
      1e-4);
}

TEST_F(Merging, MagnitudesScaleTheRows) {
  write(dense_config());
  for (const models::Adaptable& module : models::adaptables(*model_)) {
    const auto found = adapter_.layers.find(module.path());
    if (found != adapter_.layers.end()) {
      const mx::array m = mx::multiply(module.row_norms(), mx::array(1.25F));
      const mx::array gain =
          mx::divide(m, module.adapted_norms(found->second, adapter_.scale, module.row_norms()));
      found->second.dora = nn::Magnitudes{m, gain};
    }
  }
  const MergeReport report = run({});
  EXPECT_NEAR(report.delta.kept, 1.0, 1e-4);
  EXPECT_LT(
      test::largest_difference(
          models::forward(*models::load_model(merged()), test::kText),
          test::logits_with(*model_, adapter_)),
      1e-4);
}

TEST_F(Merging, WholeTensorsReplaceTheBases) {
  write(dense_config());
  adapter_.layers.clear();
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  whole_.insert({name, mx::full({96, 64}, 0.5F)});
  EXPECT_EQ(run({}).matrices, 1U);
  const auto after = tensor::load_safetensors(merged() / "model.safetensors");
  EXPECT_TRUE(models::same_bits(after.at(name), whole_.at(name)));
  EXPECT_TRUE(
      models::same_bits(
          after.at("model.norm.weight"),
          tensor::load_safetensors(base() / "model.safetensors").at("model.norm.weight")));
  whole_.insert({"model.layers.9.mlp.up_proj.weight", mx::full({96, 64}, 0.5F)});
  EXPECT_THROW(run({}), base::Error);
}

TEST_F(Merging, WhatWasTrainedIsReadWithoutAModel) {
  write(test::tiny_config());
  const auto folder = folder_.path() / "adapter";
  std::filesystem::create_directories(folder);
  models::save_adapter(folder, adapter_, *model_, Json::object());
  const Trained read = read_trained(folder);
  EXPECT_EQ(read.factors.scale, adapter_.scale);
  ASSERT_EQ(read.factors.layers.size(), adapter_.layers.size());
  for (const auto& [path, factors] : adapter_.layers) {
    EXPECT_TRUE(models::same_bits(read.factors.layers.at(path).a, factors.a)) << path;
    EXPECT_TRUE(models::same_bits(read.factors.layers.at(path).b, factors.b)) << path;
  }
  // On a base of other widths it does not fit, and half a pair is none.
  Json wider = test::tiny_config();
  wider["intermediate_size"] = 128;
  test::write_tiny_model(folder_.path() / "other", wider);
  EXPECT_THROW(merge(folder_.path() / "other", read, merged(), {}), base::Error);
  tensor::save_safetensors(
      folder / "adapters.safetensors", {{"model.layers.0.mlp.up_proj.lora_a", mx::ones({64, 4})}});
  EXPECT_THROW(read_trained(folder), base::Error);
}

}  // namespace
}  // namespace hub::convert
