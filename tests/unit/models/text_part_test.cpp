// Folders of models that also see, whose text model mlx-lm takes out: it is the same model as
// alone.
#include "core/model_config/text_part.h"

#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/adapter_check.h"
#include "core/model_config/tensor_check.h"
#include "core/models/model_tensors.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

using testing::HasSubstr;

// How the tensors of a text model are named in such a folder.
enum class Spelling { kMlxLm, kTransformers };

struct Whole {
  const char* family_case;
  const char* model_type;
};

std::string spelled(const std::string& name, Spelling spelling) {
  if (spelling == Spelling::kMlxLm) {
    return "language_model." + name;
  }
  constexpr std::string_view model = "model.";
  return name.starts_with(model) ? "model.language_model." + name.substr(model.size()) : name;
}

class TextPart : public testing::TestWithParam<std::tuple<Whole, Spelling>> {
 protected:
  TextPart() : case_(std::get<0>(GetParam()).family_case) {}

  // The model with a part that sees beside it.
  void write(const std::filesystem::path& folder) const {
    base::Json config;
    config["model_type"] = std::get<0>(GetParam()).model_type;
    config["vocab_size"] = case_.config().at("vocab_size");
    config["text_config"] = case_.config();
    config["text_config"].erase("vocab_size");
    config["vision_config"] = {{"hidden_size", 8}};
    test::Tensors tensors;
    for (const auto& [name, array] : case_.tensors()) {
      tensors.insert({spelled(name, std::get<1>(GetParam())), array});
    }
    const mx::array seen = mx::zeros({8, 8});
    for (const char* name :
         {"model.visual.blocks.0.weight",
          "vision_tower.encoder.weight",
          "model.embed_vision.weight",
          "multi_modal_projector.linear.weight",
          "audio_tower.weight"}) {
      tensors.insert({name, seen});
    }
    test::write_model(folder, config, tensors);
  }

  FamilyCase case_;
  test::TempDir folder_;
};

TEST_P(TextPart, IsTheModelThatMlxLmMakesOfIt) {
  write(folder_.path());
  model_config::check_model_folder(folder_.path());
  const auto model = load_model(folder_.path());
  const auto inputs = case_.sequences("inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const mx::array golden =
        mx::squeeze(mx::take(case_.golden.at("logits"), mx::array({static_cast<int>(i)}), 0), 0);
    EXPECT_LE(
        relative_error(forward(*model, inputs[i]), golden),
        case_.record.at("logits_tolerance").get<float>());
  }
  EXPECT_EQ(model->linears().front()->path().rfind("language_model.model.layers.0.", 0), 0U);
}

TEST_P(TextPart, CanBeLoadedForFullFineTuning) {
  write(folder_.path());
  const ModelTensors tensors = load_tensors(folder_.path());
  EXPECT_EQ(tensors.arrays.size(), case_.tensors().size());
  EXPECT_TRUE(tensors.arrays.contains("language_model.model.norm.weight"));
  const auto model = make_model(tensors);
  const std::vector<int> tokens = case_.sequences("inputs")[0];
  EXPECT_TRUE(same_bits(forward(*model, tokens), forward(*load_model(folder_.path()), tokens)));
}

TEST_P(TextPart, AdaptersCarryMlxLmsNames) {
  write(folder_.path());
  const auto model = load_model(folder_.path());
  nn::LoraAdapter adapter;
  for (const std::string& name : case_.factor_names()) {
    if (name.ends_with(".lora_a")) {
      const std::string path = name.substr(0, name.rfind('.'));
      adapter.layers.insert(
          {"language_model." + path, {case_.factor(name), case_.factor(path + ".lora_b")}});
    }
  }
  const test::TempDir stored;
  save_adapter(stored.path(), adapter, *model, base::Json::object());
  const auto header = model_config::SafetensorsHeader::read(stored.path() / "adapters.safetensors");
  for (const auto& tensor : header.tensors) {
    EXPECT_THAT(tensor.name, testing::StartsWith("language_model.model.layers."));
  }
  EXPECT_EQ(load_adapter(stored.path(), *model).layers.size(), adapter.layers.size());
  model_config::check_adapter_folder(
      stored.path(), model_config::ModelConfig::load(folder_.path()), "");
}

INSTANTIATE_TEST_SUITE_P(
    Wholes,
    TextPart,
    testing::Combine(
        testing::Values(
            Whole{"gemma3", "gemma3"}, Whole{"gemma4", "gemma4"}, Whole{"qwen3_5", "qwen3_5"}),
        testing::Values(Spelling::kMlxLm, Spelling::kTransformers)),
    [](const auto& tested) {
      return std::string(std::get<0>(tested.param).family_case) +
             (std::get<1>(tested.param) == Spelling::kMlxLm ? "_mlx_lm" : "_transformers");
    });

TEST(TextPartOfAFolder, MustNotHaveATensorTwice) {
  const FamilyCase small("gemma3");
  base::Json config;
  config["model_type"] = "gemma3";
  config["vocab_size"] = small.config().at("vocab_size");
  config["text_config"] = small.config();
  test::Tensors tensors;
  for (const auto& [name, array] : small.tensors()) {
    tensors.insert({"language_model." + name, array});
  }
  tensors.insert({"model.language_model.norm.weight", mx::zeros({8})});
  const test::TempDir folder;
  test::write_model(folder.path(), config, tensors);
  try {
    model_config::check_model_folder(folder.path());
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr(
            "'language_model.model.norm.weight' and 'model.language_model.norm.weight' are "
            "both language_model.model.norm.weight"));
  }
}

}  // namespace
}  // namespace hub::models
