#include "api/cli/mlx_lm_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/cli/yaml_file.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

MlxLmConfig read(const std::string& yaml) {
  return MlxLmConfig::from_json(parse_yaml(yaml));
}

Json params_of(const std::string& yaml) {
  return Json::parse(read(yaml).params);
}

// The key that is refused.
std::string refused(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(error.param()));
    return error.param();
  }
  return "accepted";
}

// mlx_lm/examples/lora_config.yaml, in its words.
constexpr const char* kExample = R"(
model: "mlx-community/Llama-3.2-1B-Instruct"
train: true
fine_tune_type: lora
optimizer: adamw
optimizer_config:
  adamw:
    betas: [0.9, 0.98]
    eps: 1e-6
    weight_decay: 0.05
    bias_correction: true
data: "mlx-community/WikiSQL"
seed: 0
num_layers: 16
batch_size: 4
iters: 1000
val_batches: 25
learning_rate: 1e-5
steps_per_report: 10
steps_per_eval: 200
resume_adapter_file: null
adapter_path: "adapters"
save_every: 100
test: false
test_batches: 100
max_seq_length: 2048
grad_checkpoint: false
lora_parameters:
  keys: ["self_attn.q_proj", "self_attn.v_proj"]
  rank: 8
  scale: 20.0
  dropout: 0.0
lr_schedule:
  name: cosine_decay
  warmup: 100
  warmup_init: 1e-7
  arguments: [1e-5, 1000, 1e-7]
)";

TEST(MlxLmConfig, MlxLmLorasPreferenceTraining) {
  const Json dpo =
      params_of("model: a\ndata: b\ntrain_mode: dpo\nbeta: 0.3\ndpo_cpo_loss_type: ipo\n");
  EXPECT_EQ(dpo["objective"], "dpo");
  EXPECT_EQ(dpo["beta"], 0.3);
  EXPECT_EQ(dpo["loss_type"], "ipo");
  EXPECT_EQ(dpo["train_on_prompt"], false);
  const Json orpo = params_of("model: a\ndata: b\ntrain_mode: orpo\ndpo_cpo_loss_type: hinge\n");
  EXPECT_EQ(orpo["objective"], "orpo");
  EXPECT_FALSE(orpo.contains("loss_type")) << "orpo has none";
  const Json sft = params_of("model: a\ndata: b\ntrain_mode: sft\nbeta: 0.3\n");
  EXPECT_FALSE(sft.contains("objective"));
  EXPECT_FALSE(sft.contains("beta"));
  EXPECT_EQ(sft["train_on_prompt"], true);
  EXPECT_EQ(refused("model: a\ndata: b\ntrain_mode: grpo\n"), "train_mode");
}

TEST(MlxLmConfig, TheExampleIsReadUnchanged) {
  const MlxLmConfig config = read(kExample);
  EXPECT_EQ(config.model, "mlx-community/Llama-3.2-1B-Instruct");
  EXPECT_EQ(config.data, "mlx-community/WikiSQL");
  EXPECT_FALSE(config.name) << "mlx-lm's default names nothing";
  const nlohmann::json wanted = {
      {"method", "lora"},
      {"optimizer", "adamw"},
      {"optimizer_config", {{"betas", {0.9, 0.98}}, {"eps", 1e-6}, {"bias_correction", true}}},
      {"weight_decay", 0.05},
      {"seed", 0},
      {"num_layers", 16},
      {"batch_size", 4},
      {"grad_accumulation_steps", 1},
      {"max_steps", 1000},
      {"epochs", 100000},
      {"learning_rate", 1e-5},
      {"lr_schedule", "cosine"},
      {"lr_decay_steps", 1000},
      {"lr_end", 1e-7},
      {"warmup_steps", 100},
      {"warmup_init", 1e-7},
      {"report_every", 10},
      {"eval_every", 200},
      {"save_every", 100},
      {"max_seq_length", 2048},
      {"grad_checkpoint", false},
      {"train_on_prompt", true},
      {"rank", 8},
      {"scale", 20.0},
      {"dropout", 0.0},
      {"target_modules", {"self_attn.q_proj", "self_attn.v_proj"}}};
  EXPECT_EQ(nlohmann::json::parse(config.params), wanted);
  EXPECT_EQ(config.notes.size(), 3U);  // val_batches, adapter_path, test_batches
}

TEST(MlxLmConfig, WhatIsLeftOutHasMlxLmsDefaults) {
  const Json params = params_of("model: m");
  EXPECT_EQ(params["optimizer"], "adam");
  EXPECT_EQ(params["learning_rate"], 1e-5);
  EXPECT_EQ(params["lr_schedule"], "constant");
  EXPECT_EQ(params["num_layers"], 16);
  EXPECT_EQ(params["batch_size"], 4);
  EXPECT_EQ(params["max_steps"], 1000);
  EXPECT_EQ(params["eval_every"], 200);
  EXPECT_EQ(params["train_on_prompt"], true) << "mask_prompt is false";
  EXPECT_EQ(params["rank"], 8);
  EXPECT_FALSE(params.contains("target_modules"));
  EXPECT_FALSE(params.contains("weight_decay"));
}

TEST(MlxLmConfig, IterationsBecomeUpdates) {
  const Json params = params_of(
      "iters: 10\ngrad_accumulation_steps: 4\nsteps_per_report: 2\n"
      "steps_per_eval: 8\nsave_every: 9");
  EXPECT_EQ(params["max_steps"], 2);  // the two left over are never applied there, either
  EXPECT_EQ(params["report_every"], 1);
  EXPECT_EQ(params["eval_every"], 2);
  EXPECT_EQ(params["save_every"], 2);
  EXPECT_EQ(params_of("val_batches: 0")["eval_every"], 0);
  EXPECT_EQ(params_of("num_layers: 0")["num_layers"], -1);
  EXPECT_EQ(params_of("mask_prompt: true")["train_on_prompt"], false);
  EXPECT_EQ(read("adapter_path: out/facts/").name, "facts");
}

TEST(MlxLmConfig, EverySchedule) {
  const auto schedule = [](const std::string& body) {
    return params_of("lr_schedule: {" + body + "}");
  };
  Json params = schedule("name: linear_schedule, arguments: [1e-3, 1e-5, 50]");
  EXPECT_EQ(params["lr_schedule"], "linear");
  EXPECT_EQ(params["learning_rate"], 1e-3);
  EXPECT_EQ(params["lr_end"], 1e-5);
  EXPECT_EQ(params["lr_decay_steps"], 50);
  params = schedule("name: exponential_decay, arguments: [1e-3, 0.99]");
  EXPECT_EQ(params["lr_decay_rate"], 0.99);
  params = schedule("name: step_decay, arguments: [1e-3, 0.5, 10], warmup: 5");
  EXPECT_EQ(params["lr_decay_steps"], 10);
  EXPECT_EQ(params["warmup_steps"], 5);
  params = schedule("name: cosine_decay, arguments: [1e-3, 70]");
  EXPECT_EQ(params["lr_end"], 0.0);
  EXPECT_EQ(
      refused("lr_schedule: {name: cosine_decay, arguments: [1e-3]}"), "lr_schedule.arguments");
  EXPECT_EQ(refused("lr_schedule: {name: join_schedules}"), "lr_schedule.arguments");
  EXPECT_EQ(refused("lr_schedule: {name: join_schedules, arguments: [1]}"), "lr_schedule.name");
  EXPECT_EQ(refused("lr_schedule: {arguments: [1]}"), "lr_schedule.name");
}

TEST(MlxLmConfig, WhatIsNotDoneHereIsRefusedByName) {
  EXPECT_EQ(refused("train: false"), "train");
  EXPECT_EQ(refused("test: true"), "test");
  EXPECT_EQ(refused("trust_remote_code: true"), "trust_remote_code");
  EXPECT_EQ(refused("hf_dataset: {path: a/b}"), "hf_dataset");
  EXPECT_EQ(refused("prompt_feature: question"), "prompt_feature");
  EXPECT_EQ(refused("prompt_feature: prompt"), "accepted");
  EXPECT_EQ(refused("report_to: wandb"), "report_to");
  EXPECT_EQ(refused("report_to: csv,swanlab"), "report_to");
  EXPECT_EQ(refused("report_to: mlflow"), "report_to");
  EXPECT_EQ(refused("lerning_rate: 1"), "lerning_rate");
  EXPECT_EQ(refused("lora_parameters: {rank: 8, scale: 1.0}"), "lora_parameters.dropout");
  EXPECT_EQ(refused("lora_parameters: {alpha: 8}"), "lora_parameters.alpha");
  EXPECT_EQ(refused("iters: 0"), "iters");
  EXPECT_THROW(read("- a list"), base::Error);
}

TEST(MlxLmConfig, ReportsGoToFiles) {
  const MlxLmConfig config = read("report_to: \"csv, TensorBoard\"\nproject_name: mine");
  EXPECT_THAT(config.report_to, ElementsAre("csv", "tensorboard"));
  EXPECT_EQ(config.project_name, "mine");
}

}  // namespace
}  // namespace hub::api
