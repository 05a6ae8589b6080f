#include <gmock/gmock.h>

#include "api/handlers/job_request.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;

class DryRun : public test::HandlerFixture {
 protected:
  DryRun() {
    add_chat_model("tiny");
    add_dataset("others", 5);
  }
};

TEST_F(DryRun, ADryRunQueuesNothing) {
  const Json body = {
      {"type", "finetune"},
      {"model", "tiny"},
      {"dataset", "others"},
      {"params", {{"rank", 4}, {"batch_size", 2}, {"epochs", 3}, {"eval_fraction", 0.2}}},
      {"dry_run", true}};
  const Answer plan = post("/jobs", body);
  ASSERT_EQ(plan.status, 200) << plan.response.body;
  EXPECT_EQ(plan.json["rows"], 4);
  EXPECT_EQ(plan.json["eval_rows"], 1);
  EXPECT_EQ(plan.json["steps"], 6);
  EXPECT_EQ(plan.json["trainable_parameters"], 7 * 4 * 16);  // seven linears of 8 x 8
  EXPECT_EQ(plan.json["parameters"], 16 * 8 + 7 * 64 + 3 * 8);
  EXPECT_GT(plan.json["trained_tokens"], 0);
  EXPECT_LT(plan.json["trained_tokens"], plan.json["tokens"]);
  EXPECT_GT(plan.json["estimated_bytes"], 0);
  EXPECT_EQ(plan.json["memory"]["trained"], 4 * 7 * 4 * 16);
  EXPECT_EQ(plan.json["memory"]["process_bytes"], plan.json["estimated_bytes"]);
  EXPECT_EQ(plan.json["fits_memory"], true);
  EXPECT_EQ(plan.json["estimated_seconds"], nullptr) << "nothing was measured yet";
  EXPECT_EQ(get("/jobs").json["data"].size(), 0U);

  // Once a job of that model has told its speed, there is an estimate.
  Json real = body;
  real.erase("dry_run");
  const std::string id = post("/jobs", real).json["id"];
  hub.queue.claim("w", hub.clock.now_ms());
  hub.queue.record_metric(id, {{"step", 6}, {"tokens_per_second", 4.0}});
  hub.queue.complete(id, {{"steps", 6}});
  const Json timed = post("/jobs", body).json;
  EXPECT_DOUBLE_EQ(
      timed["estimated_seconds"].get<double>(), timed["trained_tokens"].get<double>() * 3.0 / 4.0);

  // Two ranks of two rows do the same in half the steps and twice the memory.
  Json parallel = body;
  parallel["params"]["data_parallel"] = 2;
  const Json shared = post("/jobs", parallel).json;
  EXPECT_EQ(shared["steps"], 3);
  EXPECT_EQ(shared["batch_size"], 2);
  EXPECT_EQ(shared["estimated_bytes"], 2 * plan.json["estimated_bytes"].get<std::int64_t>());

  Json wrong = body;
  wrong["type"] = "evaluate";
  EXPECT_EQ(post("/jobs", wrong).param(), "dry_run");
  wrong = body;
  wrong["params"]["rank"] = 0;
  EXPECT_EQ(post("/jobs", wrong).param(), "params.rank");
}

TEST_F(DryRun, PreferencesHaveTheirOwnObjectivesAndSpeeds) {
  std::string pairs;
  for (int i = 0; i < 4; ++i) {
    pairs += R"({"prompt":"q)" + std::to_string(i) + R"(","chosen":"a","rejected":"b c"})" + "\n";
  }
  const auto file = files.write("data/imports/pairs.jsonl", pairs);
  ASSERT_EQ(post("/datasets", {{"name", "pairs"}, {"path", file.string()}}).status, 201);
  const auto body = [](const char* dataset, const char* objective) {
    return Json{
        {"type", "finetune"},
        {"model", "tiny"},
        {"dataset", dataset},
        {"params",
         {{"objective", objective}, {"batch_size", 2}, {"eval_fraction", 0.0}, {"rank", 4}}},
        {"dry_run", true}};
  };
  const Answer plan = post("/jobs", body("pairs", "dpo"));
  ASSERT_EQ(plan.status, 200) << plan.response.body;
  EXPECT_EQ(plan.json["rows"], 4);
  EXPECT_EQ(plan.json["steps"], 2);
  EXPECT_EQ(plan.json["params"]["beta"], 0.1);
  EXPECT_GE(plan.json["trained_tokens"], 4 * 2) << "two answers a row";
  const Answer sft = post("/jobs", body("others", "sft"));
  ASSERT_EQ(sft.status, 200) << sft.response.body;
  EXPECT_GT(plan.json["estimated_bytes"], sft.json["estimated_bytes"]);

  for (const bool dry : {true, false}) {
    for (const auto& [dataset, objective] :
         {std::pair("pairs", "sft"), std::pair("others", "dpo"), std::pair("others", "orpo")}) {
      Json wrong = body(dataset, objective);
      wrong["dry_run"] = dry;
      const Answer refused = post("/jobs", wrong);
      EXPECT_EQ(refused.status, 422) << refused.response.body;
      EXPECT_EQ(refused.code(), "dataset_format") << refused.response.body;
      EXPECT_EQ(refused.param(), "dataset");
    }
  }

  Json real = body("others", "sft");
  real.erase("dry_run");
  const std::string id = post("/jobs", real).json["id"];
  hub.queue.claim("w", hub.clock.now_ms());
  hub.queue.record_metric(id, {{"step", 2}, {"tokens_per_second", 4.0}});
  hub.queue.complete(id, {{"steps", 2}});
  EXPECT_NE(post("/jobs", body("others", "sft")).json["estimated_seconds"], nullptr);
  EXPECT_EQ(post("/jobs", body("pairs", "dpo")).json["estimated_seconds"], nullptr);
}

}  // namespace
}  // namespace hub::api
