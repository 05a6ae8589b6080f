#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::models {
namespace {

using ::testing::HasSubstr;

constexpr int kRank = 3;

class Adapter : public ::testing::Test {
 protected:
  Adapter() {
    test::write_tiny_model(folder_.path() / "model");
    model_ = load_model(folder_.path() / "model");
    adapter_.scale = 2.5F;
    add("model.layers.1.self_attn.q_proj", 64, 64);
    add("model.layers.1.self_attn.v_proj", 64, 32);
  }
  void add(const std::string& path, int in, int out) {
    adapter_.layers.insert(
        {path,
         {mx::random::normal({in, kRank}, mx::float32, 0, 1, mx::random::key(1)),
          mx::random::normal({kRank, out}, mx::float32, 0, 1, mx::random::key(2))}});
  }
  void save() { save_adapter(folder_.path(), adapter_, *model_, base::Json::object()); }
  // Replaces the tensors on disk by those of `change`.
  void rewrite(const std::function<void(test::Tensors&)>& change) {
    save();
    auto tensors = tensor::load_safetensors(folder_.path() / "adapters.safetensors");
    for (auto& [name, value] : tensors) {
      value.eval();
    }
    change(tensors);
    tensor::save_safetensors(folder_.path() / "adapters.safetensors", tensors);
  }
  std::string refusal() {
    try {
      load_adapter(folder_.path(), *model_);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable) << error.what();
      return error.what();
    }
    return "accepted";
  }
  base::Json config() {
    return base::parse_json(base::read_file(folder_.path() / "adapter_config.json"), "config");
  }

  test::TempDir folder_;
  std::unique_ptr<LanguageModel> model_;
  nn::LoraAdapter adapter_;
};

TEST_F(Adapter, ComesBackAsSaved) {
  save_adapter(folder_.path(), adapter_, *model_, {{"model", "tiny"}});
  const nn::LoraAdapter loaded = load_adapter(folder_.path(), *model_);
  EXPECT_FLOAT_EQ(loaded.scale, 2.5F);
  EXPECT_FLOAT_EQ(loaded.dropout, 0.0F);
  ASSERT_EQ(loaded.layers.size(), 2U);
  for (const auto& [path, weights] : adapter_.layers) {
    EXPECT_TRUE(mx::array_equal(loaded.layers.at(path).a, weights.a).item<bool>());
    EXPECT_TRUE(mx::array_equal(loaded.layers.at(path).b, weights.b).item<bool>());
  }
  const base::Json expected = base::Json::parse(R"({
    "fine_tune_type": "lora",
    "lora_parameters": {"dropout": 0.0, "keys": ["self_attn.q_proj", "self_attn.v_proj"],
                        "rank": 3, "scale": 2.5},
    "num_layers": 1, "model": "tiny"})");
  EXPECT_EQ(config(), expected);
}

TEST_F(Adapter, SavingWhatOneConfigCannotDescribeIsRefused) {
  EXPECT_THROW(save_adapter(folder_.path(), adapter_, *model_, {{"num_layers", 5}}), base::Error);
  adapter_.layers.insert_or_assign(
      "model.layers.1.self_attn.v_proj", nn::LoraWeights{mx::zeros({64, 9}), mx::zeros({9, 32})});
  EXPECT_THROW(save(), base::Error);
  adapter_.layers.clear();
  EXPECT_THROW(save(), base::Error);
}

// Layer 0 has q alone, layer 1 both: mlx-lm would fill the gap with factors of its own.
TEST_F(Adapter, WhatNotEveryLayerHasIsNamedByItsPath) {
  add("model.layers.0.self_attn.q_proj", 64, 64);
  add("model.embed_tokens", 96, 64);
  save();
  EXPECT_EQ(config().at("num_layers"), 2);
  EXPECT_EQ(
      config().at("lora_parameters").at("keys"),
      (base::Json{"model.embed_tokens", "model.layers.1.self_attn.v_proj", "self_attn.q_proj"}));
  const nn::LoraAdapter loaded = load_adapter(folder_.path(), *model_);
  EXPECT_EQ(loaded.layers.size(), 4U);
}

TEST_F(Adapter, OnlyModulesOfTheModelAreSaved) {
  add("model.layers.0.self_attn.w_proj", 64, 64);
  EXPECT_THROW(save(), base::Error);
}

TEST_F(Adapter, MagnitudesComeBackAndAreAllOrNone) {
  nn::LoraWeights& first = adapter_.layers.at("model.layers.1.self_attn.q_proj");
  first.dora = nn::Magnitudes{mx::full({64}, 2.0F), mx::ones({64})};
  EXPECT_THROW(save(), base::Error);
  nn::LoraWeights& second = adapter_.layers.at("model.layers.1.self_attn.v_proj");
  second.dora = nn::Magnitudes{mx::full({32}, 3.0F), mx::ones({32})};
  save();
  EXPECT_EQ(config().at("fine_tune_type"), "dora");
  const nn::LoraAdapter loaded = load_adapter(folder_.path(), *model_);
  const auto& dora = loaded.layers.at("model.layers.1.self_attn.v_proj").dora;
  ASSERT_TRUE(dora.has_value());
  EXPECT_TRUE(mx::array_equal(dora->m, mx::full({32}, 3.0F)).item<bool>());
  EXPECT_GT(mx::min(dora->gain).item<float>(), 0.0F);
}

TEST_F(Adapter, WholeWeightsAreNoAdapter) {
  save();
  base::Json json = config();
  json["fine_tune_type"] = "full";
  json["lora_parameters"] = nullptr;
  std::ofstream(folder_.path() / "adapter_config.json") << json.dump();
  EXPECT_THAT(refusal(), HasSubstr("whole weights"));
}

TEST_F(Adapter, MissingHalvesAreNamed) {
  rewrite([](test::Tensors& tensors) {
    tensors.erase("model.layers.1.self_attn.q_proj.lora_b");
    tensors.erase("model.layers.1.self_attn.v_proj.lora_a");
  });
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("missing: model.layers.1.self_attn.q_proj.lora_b [3, 64]"));
  EXPECT_THAT(text, HasSubstr("missing: model.layers.1.self_attn.v_proj.lora_a [64, 3]"));
}

TEST_F(Adapter, UnknownNamesAreNamed) {
  rewrite([](test::Tensors& tensors) {
    tensors.insert({"model.layers.0.self_attn.q_proj.lora_a", mx::zeros({64, 3})});
    tensors.insert({"model.layers.1.self_attn.q_proj.m", mx::zeros({64})});
  });
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("model.layers.0.self_attn.q_proj.lora_a is no adapter"));
  EXPECT_THAT(text, HasSubstr("model.layers.1.self_attn.q_proj.m is no adapter"));
}

TEST_F(Adapter, ShapesAreCheckedAgainstTheBase) {
  rewrite([](test::Tensors& tensors) {
    tensors.insert_or_assign("model.layers.1.self_attn.q_proj.lora_a", mx::zeros({63, 3}));
    tensors.insert_or_assign("model.layers.1.self_attn.v_proj.lora_b", mx::zeros({2, 32}));
  });
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("q_proj.lora_a is [63, 3] F32, wanted [64, 3]"));
  EXPECT_THAT(text, HasSubstr("v_proj.lora_b is [2, 32] F32, wanted [3, 32]"));
}

TEST_F(Adapter, ConfigMustFitTheModel) {
  save();
  base::Json json = config();
  json["num_layers"] = 3;
  std::ofstream(folder_.path() / "adapter_config.json") << json.dump();
  EXPECT_THAT(refusal(), HasSubstr("'num_layers' is 3, but the model has 2"));
  json["num_layers"] = 1;
  json["lora_parameters"]["keys"] = {"self_attn.w_proj"};
  std::ofstream(folder_.path() / "adapter_config.json") << json.dump();
  EXPECT_THAT(refusal(), HasSubstr("names no layer"));
}

TEST_F(Adapter, BrokenFilesAreNamed) {
  save();
  const auto file = folder_.path() / "adapters.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4);
  EXPECT_THAT(refusal(), HasSubstr("adapters.safetensors"));
  std::filesystem::remove(folder_.path() / "adapter_config.json");
  EXPECT_THAT(refusal(), HasSubstr("adapter_config.json"));
}

}  // namespace
}  // namespace hub::models
