#include "core/model_config/finetune_params.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::model_config {
namespace {

using base::Json;
using ::testing::HasSubstr;

TEST(FinetuneParams, EmptyMeansDefaults) {
  const FinetuneParams params = FinetuneParams::from_json(Json::object(), "params");
  EXPECT_EQ(params.to_json(), FinetuneParams{}.to_json());
}

// The form that http-api clients send.
TEST(FinetuneParams, FullFormComesBackAsSent) {
  const Json sent = Json::parse(R"({
    "method": "dora", "objective": "sft", "beta": 0.1, "label_smoothing": 0.0,
    "loss_type": "sigmoid", "rank": 16, "scale": 10.0, "alpha": 40.0, "rslora": true, "dropout": 0.1,
    "target_modules": ["self_attn.q_proj"], "num_layers": 4,
    "optimizer": "sgd",
    "optimizer_config": {"momentum": 0.5, "dampening": 0.0, "nesterov": true}, "learning_rate": 2e-4,
    "lr_schedule": "step_decay", "lr_end": 0.01, "lr_decay_rate": 0.5, "lr_decay_steps": 10,
    "warmup_steps": 3, "warmup_init": 1e-6, "weight_decay": 0.0, "no_decay": ["lora_b"],
    "decay_vectors": true, "max_grad_norm": 1.0,
    "batch_size": 2, "max_seq_length": 512, "packing": false, "epochs": 3, "max_steps": 7, "report_every": 2,
    "eval_every": 0, "save_every": 5, "eval_fraction": 0.2, "early_stopping_patience": 2,
    "early_stopping_min_delta": 0.01, "save_best": true, "keep_checkpoints": 3,
    "sample_prompts": ["Who?"], "sample_max_tokens": 8,
    "nonfinite_patience": 2, "nonfinite_rollbacks": 0, "rollback_lr_factor": 0.25,
    "clear_cache_tokens": 4096,
    "grad_checkpoint": true, "grad_accumulation_steps": 4, "data_parallel": 2,
    "compat": true,
    "train_on_prompt": true, "seed": 9})");
  EXPECT_EQ(FinetuneParams::from_json(sent, "params").to_json(), sent);
}

TEST(FinetuneParams, PreferenceTrainingComesBackAsSent) {
  for (const char* sent :
       {R"({"objective": "dpo", "beta": 0.5, "label_smoothing": 0.2, "loss_type": "sigmoid"})",
        R"({"objective": "dpo", "beta": 2.0, "label_smoothing": 0.0, "loss_type": "ipo"})",
        R"({"objective": "orpo", "beta": 0.3, "label_smoothing": 0.0, "loss_type": "sigmoid"})"}) {
    const Json fields = Json::parse(sent);
    const Json back = FinetuneParams::from_json(fields, "params").to_json();
    for (const auto& [name, value] : fields.items()) {
      EXPECT_EQ(back.at(name), value) << name << " of " << sent;
    }
  }
}

// Settings that would have no effect, or none that is right.
TEST(FinetuneParams, ObjectivesRefuseWhatTheyDoNotHave) {
  const auto field = [](const Json& json) {
    try {
      FinetuneParams::from_json(json, "params");
    } catch (const base::Error& error) {
      return error.param();
    }
    return std::string("none");
  };
  EXPECT_EQ(field({{"beta", 0.2}}), "params.beta");
  EXPECT_EQ(field({{"loss_type", "ipo"}}), "params.loss_type");
  EXPECT_EQ(field({{"objective", "orpo"}, {"loss_type", "hinge"}}), "params.loss_type");
  EXPECT_EQ(field({{"label_smoothing", 0.1}}), "params.label_smoothing");
  EXPECT_EQ(
      field({{"objective", "dpo"}, {"loss_type", "ipo"}, {"label_smoothing", 0.1}}),
      "params.label_smoothing");
  EXPECT_EQ(field({{"objective", "dpo"}, {"compat", true}}), "params.compat");
  EXPECT_EQ(field({{"objective", "orpo"}, {"train_on_prompt", true}}), "params.train_on_prompt");
  EXPECT_EQ(field({{"objective", "dpo"}, {"train_on_prompt", false}}), "none");
}

TEST(FinetuneParams, NullsAndAutoMeanAbsent) {
  const Json sent = Json::parse(
      R"({"batch_size": "auto", "max_steps": null, "target_modules": null, "rank": null})");
  const FinetuneParams params = FinetuneParams::from_json(sent, "params");
  EXPECT_FALSE(params.batch_size);
  EXPECT_FALSE(params.max_steps);
  EXPECT_FALSE(params.target_modules);
  EXPECT_EQ(params.rank, 8);
}

TEST(FinetuneParams, AlphaSaysTheScale) {
  const auto scale = [](const Json& json) {
    return FinetuneParams::from_json(json, "params").scale;
  };
  EXPECT_DOUBLE_EQ(scale({{"rank", 4}, {"alpha", 8.0}}), 2.0);
  EXPECT_DOUBLE_EQ(scale({{"rank", 4}, {"alpha", 8.0}, {"rslora", true}}), 4.0);
  EXPECT_DOUBLE_EQ(scale({{"rank", 4}, {"alpha", 8.0}, {"scale", 2.0}}), 2.0);
  EXPECT_THROW(scale({{"rank", 4}, {"alpha", 8.0}, {"scale", 20.0}}), base::Error);
}

TEST(FinetuneParams, CompatHasMlxLmsDefaults) {
  const auto params = FinetuneParams::from_json({{"compat", true}}, "params");
  EXPECT_EQ(params.optimizer.name, "adam");
  EXPECT_EQ(params.learning_rate, 1e-5);
  EXPECT_EQ(params.lr_schedule, "constant");
  EXPECT_TRUE(params.decay_vectors);
  EXPECT_THROW(
      FinetuneParams::from_json({{"compat", true}, {"packing", true}}, "params"), base::Error);
  const auto chosen =
      FinetuneParams::from_json({{"compat", true}, {"optimizer", "muon"}}, "params");
  EXPECT_EQ(chosen.optimizer.name, "muon");
}

// One field may need another.
TEST(FinetuneParams, NamesTheFieldThatIsMissing) {
  const auto field = [](const Json& json) {
    try {
      FinetuneParams::from_json(json, "params");
    } catch (const base::Error& error) {
      return error.param();
    }
    return std::string("none");
  };
  EXPECT_EQ(field({{"lr_schedule", "exponential_decay"}}), "params.lr_decay_rate");
  EXPECT_EQ(
      field({{"lr_schedule", "step_decay"}, {"lr_decay_rate", 0.5}}), "params.lr_decay_steps");
  EXPECT_EQ(field({{"optimizer", "adam"}, {"weight_decay", 0.1}}), "params.weight_decay");
  EXPECT_EQ(field({{"optimizer", "adamw"}, {"weight_decay", 0.1}}), "none");
}

class Refused : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Refused, NamesTheField) {
  const auto [field, value] = GetParam();
  Json json = Json::object();
  json[field] = Json::parse(value);
  try {
    FinetuneParams::from_json(json, "params");
    FAIL() << field << " = " << value << " was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.param(), ::testing::StartsWith(fmt::format("params.{}", field)));
    EXPECT_THAT(error.what(), HasSubstr(fmt::format("params.{}", field)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    FinetuneParams,
    Refused,
    ::testing::Values(
        std::pair("method", "\"ia3\""),
        std::pair("objective", "\"kto\""),
        std::pair("beta", "0"),
        std::pair("label_smoothing", "0.5"),
        std::pair("loss_type", "\"exo\""),
        std::pair("alpha", "0"),
        std::pair("rslora", "true"),
        std::pair("rank", "0"),
        std::pair("rank", "513"),
        std::pair("rank", "1.5"),
        std::pair("rank", "\"8\""),
        std::pair("scale", "0"),
        std::pair("dropout", "1.0"),
        std::pair("dropout", "-0.1"),
        std::pair("target_modules", "[]"),
        std::pair("target_modules", "[1]"),
        std::pair("target_modules", "\"all\""),
        std::pair("num_layers", "0"),
        std::pair("num_layers", "-2"),
        std::pair("learning_rate", "0"),
        std::pair("learning_rate", "10.5"),
        std::pair("optimizer", "\"rmsprop\""),
        std::pair("optimizer_config", "[]"),
        std::pair("optimizer_config", R"({"momentum": 0.9})"),
        std::pair("lr_schedule", "\"step\""),
        std::pair("lr_end", "-1"),
        std::pair("lr_decay_rate", "0"),
        std::pair("lr_decay_rate", "1.5"),
        std::pair("lr_decay_steps", "0"),
        std::pair("warmup_init", "-1"),
        std::pair("no_decay", "\"lora_b\""),
        std::pair("decay_vectors", "1"),
        std::pair("compat", "\"mlx-lm\""),
        std::pair("warmup_steps", "-1"),
        std::pair("weight_decay", "-1"),
        std::pair("max_grad_norm", "-1"),
        std::pair("batch_size", "0"),
        std::pair("batch_size", "\"many\""),
        std::pair("max_seq_length", "1"),
        std::pair("packing", "2"),
        std::pair("epochs", "0"),
        std::pair("max_steps", "0"),
        std::pair("report_every", "0"),
        std::pair("eval_every", "-1"),
        std::pair("save_every", "-1"),
        std::pair("eval_fraction", "1"),
        std::pair("early_stopping_patience", "0"),
        std::pair("early_stopping_min_delta", "-1"),
        std::pair("save_best", "1"),
        std::pair("keep_checkpoints", "0"),
        std::pair("sample_prompts", "\"Who?\""),
        std::pair("sample_prompts", "[\"\"]"),
        std::pair("sample_max_tokens", "0"),
        std::pair("nonfinite_patience", "0"),
        std::pair("nonfinite_rollbacks", "-1"),
        std::pair("rollback_lr_factor", "0"),
        std::pair("rollback_lr_factor", "1.5"),
        std::pair("clear_cache_tokens", "-1"),
        std::pair("grad_checkpoint", "1"),
        std::pair("grad_accumulation_steps", "0"),
        std::pair("data_parallel", "65"),
        std::pair("train_on_prompt", "\"no\""),
        std::pair("seed", "-1"),
        std::pair("lora_rank", "8")));

TEST(FinetuneParams, EveryFieldHasItsLineInTheDocumentation) {
  const std::string text = base::read_file(HUB_SOURCE_DIR "/docs/training.md");
  const Json defaults = FinetuneParams{}.to_json();
  for (const auto& [field, value] : defaults.items()) {
    EXPECT_THAT(text, HasSubstr(fmt::format("| `{}` | {} |", field, value.dump()))) << field;
  }
}

}  // namespace
}  // namespace hub::model_config
