// `merge`, `quantize`, `evaluate`, `evaluations` and `train --config`: what they send.
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::HasSubstr;

class JobCommands : public Commands {
 protected:
  JobCommands() {
    serve(
        {route(
             "POST",
             "/jobs",
             [this](const Request& request) {
               sent_ = Json::parse(request.body);
               return sent_.contains("dry_run") ? json_response(200, plan_.dump())
                                                : json_response(202, R"({"id":"j1"})");
             }),
         route(
             "GET",
             "/datasets/{name}",
             [](const Request& request) {
               return json_response(200, Json{{"name", request.params.at("name")}}.dump());
             }),
         route(
             "GET",
             "/models",
             [](const Request& request) {
               const bool known = request.query_value("base") == "org/model";
               return json_response(
                   200,
                   known ? R"({"data":[{"name":"mine"}],"next_cursor":null})"
                         : R"({"data":[],"next_cursor":null})");
             }),
         route("GET", "/evaluations", [this](const Request& request) {
           compared_ = request.query_value("compare");
           return json_response(
               200,
               R"({"data":[{"id":"e1","model":"m","dataset":{"name":"d"},"state":"COMPLETED",)"
               R"("params":{"task":"loss"},"metrics":{"loss":1.5},"difference":{"loss":-0.25}}],)"
               R"("next_cursor":null})");
         })});
  }

  std::filesystem::path config(const std::string& yaml) {
    const auto file = folder_.path() / "config.yaml";
    std::ofstream(file) << yaml;
    return file;
  }

  Json sent_;
  std::string compared_;
  Json plan_ = {
      {"parameters", 1000},
      {"trainable_parameters", 10},
      {"rows", 9},
      {"eval_rows", 1},
      {"tokens", 90},
      {"trained_tokens", 40},
      {"batch_size", 2},
      {"steps", 5},
      {"estimated_bytes", 1000},
      {"budget_bytes", 2000},
      {"estimated_seconds", nullptr}};
};

TEST_F(JobCommands, MergeAsksForAMerge) {
  EXPECT_EQ(run({"merge", "facts"}), 0);
  EXPECT_EQ(out_.str(), "j1\n");
  EXPECT_EQ(
      sent_, (Json{{"type", "merge"}, {"model", "facts"}, {"params", {{"dequantize", false}}}}));
  run({"merge", "facts:2", "--dequantize", "--no-check", "--name", "whole", "--data", "rows"});
  EXPECT_EQ(
      sent_,
      (Json{
          {"type", "merge"},
          {"model", "facts:2"},
          {"params", {{"dequantize", true}, {"check", false}}},
          {"dataset", "rows"},
          {"output", {{"name", "whole"}}}}));
}

TEST_F(JobCommands, QuantizeSaysHow) {
  EXPECT_EQ(run({"quantize", "m"}), 0);
  EXPECT_EQ(sent_["params"], Json::object());
  run(
      {"quantize",
       "m",
       "--bits",
       "3",
       "--group-size",
       "32",
       "--override",
       "lm_head=8",
       "--override",
       "v_proj=6:128",
       "--override",
       "embed_tokens=keep"});
  EXPECT_EQ(
      sent_["params"],
      (Json{
          {"bits", 3},
          {"group_size", 32},
          {"overrides",
           {{"lm_head", {{"bits", 8}}},
            {"v_proj", {{"bits", 6}, {"group_size", 128}}},
            {"embed_tokens", false}}}}));
  run({"quantize", "m", "--mode", "mxfp4", "--dtype", "bfloat16"});
  EXPECT_EQ(sent_["params"], (Json{{"mode", "mxfp4"}, {"dtype", "bfloat16"}}));
  for (const char* wrong : {"lm_head", "=8", "lm_head=x", "lm_head=8:y"}) {
    EXPECT_THAT(error_of({"quantize", "m", "--override", wrong}), HasSubstr("PATH=BITS")) << wrong;
  }
}

TEST_F(JobCommands, EvaluationsCompare) {
  EXPECT_EQ(run({"evaluations", "--compare", "e1", "e2"}), 0);
  EXPECT_EQ(compared_, "e1,e2");
  EXPECT_THAT(out_.str(), HasSubstr("loss 1.5 (loss -0.25)"));
}

TEST_F(JobCommands, AConfigurationOfMlxLmIsSentAsAJob) {
  const auto file = config(
      "model: org/model\ndata: rows\niters: 7\nlora_parameters: {rank: 4, scale: 2.0, dropout: "
      "0.0}\n");
  EXPECT_EQ(run({"train", "--config", file.string(), "--set", "rank=16", "--name", "mine"}), 0);
  EXPECT_EQ(sent_["model"], "mine") << "the model that is registered from the repository";
  EXPECT_EQ(sent_["dataset"], "rows");
  EXPECT_EQ(sent_["output"]["name"], "mine");
  EXPECT_EQ(sent_["params"]["max_steps"], 7);
  EXPECT_EQ(sent_["params"]["scale"], 2.0);
  EXPECT_EQ(sent_["params"]["rank"], 16) << "the command line comes first";
  EXPECT_EQ(sent_["params"]["optimizer"], "adam") << "then mlx-lm's defaults";
  EXPECT_EQ(sent_["params"]["train_on_prompt"], true);
  run({"train", "--config", file.string(), "--model", "other", "--data", "more"});
  EXPECT_EQ(sent_["model"], "other");
  EXPECT_EQ(sent_["dataset"], "more");
  EXPECT_FALSE(sent_["params"].contains("data_parallel"));
  run({"train", "--config", file.string(), "--objective", "dpo", "--set", "beta=0.5"});
  EXPECT_EQ(sent_["params"]["objective"], "dpo");
  EXPECT_EQ(sent_["params"]["beta"], 0.5);
  EXPECT_FALSE(sent_["params"].contains("train_on_prompt")) << "refused with dpo";
}

TEST_F(JobCommands, RanksShareTheRowsThatAConfigurationGivesAStep) {
  const auto file = config("model: m\ndata: rows\nbatch_size: 6\n");
  EXPECT_EQ(run({"train", "--config", file.string(), "--data-parallel", "2"}), 0);
  EXPECT_EQ(sent_["params"]["data_parallel"], 2);
  EXPECT_EQ(sent_["params"]["batch_size"], 3);
  run({"train", "--config", file.string(), "--data-parallel", "3", "--set", "batch_size=5"});
  EXPECT_EQ(sent_["params"]["batch_size"], 5) << "what --set says is each rank's";
  run({"train", "--model", "m", "--data", "rows", "--data-parallel", "2"});
  EXPECT_EQ(sent_["params"], (Json{{"data_parallel", 2}}));
  EXPECT_THAT(
      error_of({"train", "--config", file.string(), "--data-parallel", "4"}),
      HasSubstr("batch_size, 6, must be divisible"));
}

TEST_F(JobCommands, WhatAConfigurationLacksOrAsksInVainIsTold) {
  EXPECT_THAT(error_of({"train", "--data", "rows"}), HasSubstr("--model"));
  EXPECT_THAT(error_of({"train", "--config", config("model: m").string()}), HasSubstr("--data"));
  EXPECT_THAT(
      error_of({"train", "--config", config("model: no/where\ndata: d").string()}),
      HasSubstr("mlx-hub pull no/where"));
  EXPECT_THAT(
      error_of({"train", "--config", config("model: m\ndata: d\nreport_to: wandb").string()}),
      HasSubstr("'report_to'"));
  EXPECT_TRUE(sent_.is_null());
}

TEST_F(JobCommands, ADryRunShowsThePlan) {
  EXPECT_EQ(run({"train", "--model", "m", "--data", "rows", "--dry-run"}), 0);
  EXPECT_EQ(sent_["dry_run"], true);
  EXPECT_THAT(out_.str(), HasSubstr("trainable parameters  10 of 1000 (1.000 %)"));
  EXPECT_THAT(out_.str(), HasSubstr("steps                 5 of 2 rows"));
  EXPECT_THAT(out_.str(), HasSubstr("unknown"));
  plan_["params"] = {{"data_parallel", 3}};
  run({"train", "--model", "m", "--data", "rows", "--dry-run", "--data-parallel", "3"});
  EXPECT_THAT(out_.str(), HasSubstr("steps                 5 of 6 rows"));
}

}  // namespace
}  // namespace hub::api
