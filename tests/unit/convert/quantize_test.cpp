#include "core/convert/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/convert/logit_check.h"
#include "core/convert/merge.h"
#include "core/models/mtp_head.h"
#include "tests/unit/convert/converted_model.h"
#include "tests/unit/models/mtp_case.h"

namespace hub::convert {
namespace {

namespace mx = mlx::core;
using base::Json;

class Quantizing : public testing::Test {
 protected:
  Quantizing() {
    config_.erase("quantization");
    // Every group size there is divides these widths.
    config_["hidden_size"] = 128;
    config_["intermediate_size"] = 256;
    config_["head_dim"] = 32;
  }
  QuantizeReport run(const char* params) {
    if (!std::filesystem::exists(source())) {
      test::write_tiny_model(source(), config_);
    }
    std::filesystem::remove_all(packed());
    std::filesystem::create_directories(packed());
    return quantize(
        source(), model_config::QuantizeParams::from_json(Json::parse(params), "params"), packed());
  }
  LogitDifference difference() {
    const std::vector<CheckText> texts{test::kText};
    return compare_logits(
        text_logits(*models::load_model(source()), nullptr, texts),
        *models::load_model(packed()),
        texts);
  }
  // The packed model's weights as floats.
  [[nodiscard]] std::filesystem::path unpacked() const {
    const auto folder = folder_.path() / "unpacked";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    merge(packed(), {}, folder, {.dequantize = true});
    return folder;
  }
  [[nodiscard]] std::filesystem::path source() const { return folder_.path() / "source"; }
  [[nodiscard]] std::filesystem::path packed() const { return folder_.path() / "packed"; }

  test::TempDir folder_;
  Json config_ = test::tiny_config();
};

// Of a folder as published: mlx-lm drops the head when it reads the result.
TEST_F(Quantizing, AHeadForFurtherTokensIsPackedLikeTheRest) {
  models::MtpCase made;
  made.config["torch_dtype"] = "float32";
  made.write(source());
  const QuantizeReport report = run(R"({"bits":8,"group_size":32})");
  EXPECT_NO_THROW(model_config::check_model_folder(packed()));
  const auto dense = models::load_model(source(), {.mtp_head = true});
  const auto model = models::load_model(packed(), {.mtp_head = true});
  ASSERT_NE(model->mtp_head(), nullptr);
  EXPECT_LT(model->mtp_head()->weight_bytes(), dense->mtp_head()->weight_bytes() / 2);
  EXPECT_THAT(report.unpacked, testing::Contains("mtp.layers.0.mlp.down_proj")) << "48 inputs";
}

// Each loads in our own engine, through our kernels or MLX's, computes what its unpacked weights
// give, and is the closer to the model it was made of the more bits it has.
TEST_F(Quantizing, EveryModeLoadsAndPredictsNearly) {
  struct Case {
    const char* params;
    double bits;
    double most_kl;
  };
  for (const Case& one : std::initializer_list<Case>{
           {R"({"bits":2,"group_size":32})", 4.0, 3.0},
           {R"({"bits":3})", 4.0, 1.0},
           {R"({"bits":4,"group_size":128})", 4.5, 0.3},
           {R"({"bits":5})", 6.0, 0.05},
           {R"({"bits":6,"group_size":32})", 8.0, 0.01},
           {R"({"bits":8})", 9.0, 1e-3},
           {R"({"mode":"mxfp4"})", 4.25, 0.5},
           {R"({"mode":"nvfp4"})", 4.5, 0.3},
           {R"({"mode":"mxfp8"})", 8.25, 0.05}}) {
    SCOPED_TRACE(one.params);
    const QuantizeReport report = run(one.params);
    EXPECT_EQ(report.packed, 15U);
    EXPECT_NEAR(report.bits_per_weight, one.bits, 0.35);  // norms stay in float32
    model_config::check_model_folder(packed());
    const LogitDifference found = difference();
    EXPECT_LT(found.mean_kl, one.most_kl);
    EXPECT_GT(found.mean_kl, 0.0);
    EXPECT_LT(
        models::relative_error(
            models::forward(*models::load_model(packed()), test::kText),
            models::forward(*models::load_model(unpacked()), test::kText)),
        1e-4);
  }
}

TEST_F(Quantizing, RecipesAndOverridesAreNamedInConfig) {
  config_["tie_word_embeddings"] = false;
  run(R"({"recipe":"mixed_3_6","overrides":{"lm_head":{"bits":8},"embed_tokens":false}})");
  const Json quantization = test::config_of(packed()).at("quantization");
  EXPECT_EQ(quantization.at("model.layers.0.mlp.up_proj").at("bits"), 3);
  EXPECT_EQ(quantization.at("model.layers.1.mlp.down_proj").at("bits"), 6);
  EXPECT_EQ(quantization.at("lm_head").at("bits"), 8);
  EXPECT_EQ(quantization.at("mode"), "affine");
  EXPECT_FALSE(quantization.contains("model.embed_tokens")) << "it is not packed";
  EXPECT_EQ(test::config_of(packed()).at("quantization_config"), quantization);
  model_config::check_model_folder(packed());
  EXPECT_LT(difference().mean_kl, 1.0);
}

TEST_F(Quantizing, AWidthThatHasNoWholeGroupsStays) {
  config_["intermediate_size"] = 96;
  const QuantizeReport report = run("{}");
  EXPECT_THAT(
      report.unpacked,
      testing::ElementsAre("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"));
  model_config::check_model_folder(packed());
  EXPECT_LT(difference().mean_kl, 0.5);
}

TEST_F(Quantizing, WhatIsPackedAlreadyIsPackedAnew) {
  config_["quantization"] = {{"group_size", 64}, {"bits", 8}};
  const QuantizeReport report = run(R"({"mode":"mxfp4"})");
  EXPECT_EQ(report.requantized, 15U);
  EXPECT_EQ(test::config_of(packed()).at("quantization").at("mode"), "mxfp4");
  EXPECT_LT(difference().mean_kl, 0.5);
}

TEST_F(Quantizing, StacksOfExpertsArePackedAndTheirRoutersGetMoreBits) {
  const models::FamilyCase family("qwen3_moe_packed");
  family.write_model(source());
  const QuantizeReport report = run(R"({"bits":8,"group_size":32})");
  EXPECT_EQ(report.packed, 17U) << "eight matrices a layer and the table";
  EXPECT_EQ(report.requantized, 17U);
  const Json quantization = test::config_of(packed()).at("quantization");
  EXPECT_EQ(quantization.at("model.layers.0.mlp.gate").at("bits"), 8);
  EXPECT_EQ(quantization.at("model.layers.0.mlp.gate").at("group_size"), 64);
  model_config::check_model_folder(packed());
  const std::vector<int> text = family.sequences("inputs").at(0);
  EXPECT_LT(
      models::relative_error(
          models::forward(*models::load_model(packed()), text),
          models::forward(*family.load(), text)),
      0.05F);
}

TEST_F(Quantizing, RefusesExpertsOneByOne) {
  const models::FamilyCase family("qwen3_moe");
  test::Tensors tensors = family.tensors();
  const std::string path = "model.layers.0.mlp.";
  for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
    const auto stack = tensors.extract(fmt::format("{}switch_mlp.{}.weight", path, name));
    for (int expert = 0; expert < stack.mapped().shape(0); ++expert) {
      tensors.insert(
          {fmt::format("{}experts.{}.{}.weight", path, expert, name),
           mx::take(stack.mapped(), expert, 0)});
    }
  }
  test::write_model(source(), family.config(), tensors);
  try {
    run(R"({"bits":8,"group_size":32})");
    FAIL() << "was packed";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "experts_not_stacked");
  }
}

TEST_F(Quantizing, FloatsTakeTheTypeAsked) {
  run(R"({"dtype":"bfloat16"})");
  const auto files = model_config::read_weight_files(packed());
  for (const auto& tensor : files.at(0).header.tensors) {
    EXPECT_EQ(
        tensor.dtype,
        tensor.name.ends_with("proj.weight") || tensor.name.ends_with("tokens.weight") ? "U32"
                                                                                       : "BF16")
        << tensor.name;
  }
}

TEST_F(Quantizing, RefusesAnOverrideThatFitsNothing) {
  EXPECT_THROW(run(R"({"overrides":{"q_prj":{"bits":8}}})"), base::Error);
}

TEST(LogitCheck, IsZeroForTheSameModelAndSaysSoOfAnother) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path() / "a");
  test::write_tiny_model(folder.path() / "b", test::tiny_config(), 2);
  const auto model = models::load_model(folder.path() / "a");
  const std::vector<CheckText> texts{test::kText, {7}, {4, 8, 15}};
  const auto before = text_logits(*model, nullptr, texts);
  ASSERT_EQ(before.size(), 2U) << "one token predicts nothing that could be compared";
  const LogitDifference same = compare_logits(before, *model, texts);
  EXPECT_EQ(same.tokens, test::kText.size() - 1 + 2);
  EXPECT_EQ(same.max_abs, 0.0);
  EXPECT_EQ(same.mean_kl, 0.0);
  EXPECT_EQ(same.top1_agreement, 1.0);
  EXPECT_EQ(same.perplexity_before, same.perplexity_after);
  const LogitDifference other =
      compare_logits(before, *models::load_model(folder.path() / "b"), texts);
  EXPECT_GT(other.max_abs, 0.1);
  EXPECT_GT(other.mean_kl, 0.01);
  EXPECT_LT(other.top1_agreement, 1.0);
}

}  // namespace
}  // namespace hub::convert
