#include <fstream>

#include <gmock/gmock.h>

#include "core/registry/records.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class Reproductions : public test::HandlerFixture {
 protected:
  Reproductions() {
    add_chat_model("tiny");
    add_dataset("facts-data");
  }

  std::string add(const std::string& type = "finetune") {
    Json body = {{"type", type}, {"model", "tiny"}, {"dataset", "facts-data"}};
    if (type == "finetune") {
      body["params"] = {{"rank", 4}, {"max_seq_length", 32}, {"seed", 7}};
      body["output"] = {{"name", "facts"}, {"alias", "best"}};
    }
    const Answer answer = post("/jobs", body);
    EXPECT_EQ(answer.status, 202) << answer.response.body;
    const auto id = answer.json["id"].get<std::string>();
    EXPECT_EQ(hub.queue.claim("w", hub.clock.now_ms())->id, id);
    return id;
  }
  static Json environment(int threads, const Json& inputs) {
    return {{"cpu", {{"threads", threads}}}, {"inputs", inputs}};
  }
  Json inputs() {
    return {
        {"base_digest", hub.models.get_version(version_id()).digest},
        {"adapter_digest", nullptr},
        {"dataset_digest", hub.datasets.get("facts-data").digest}};
  }
  std::string version_id() {
    return get("/models/tiny").json["versions"][0]["id"].get<std::string>();
  }
  // Runs a job as its worker would have it.
  std::string completed(const std::string& type = "finetune", int threads = 2) {
    const std::string id = add(type);
    hub.queue.record_environment(id, environment(threads, inputs()));
    hub.queue.record_metric(id, {{"step", 1}, {"train_loss", 2.5}});
    hub.queue.complete(
        id,
        {{"train_loss", 2.5}, {"batch_size", 2}, {"seconds", 1.5}},
        type == "finetune" ? std::optional(jobs::JobResult{"facts", 1, "gone"}) : std::nullopt);
    return id;
  }
  Answer reproduce(const std::string& id, const Json& body = Json::object()) {
    return post("/jobs/" + id + "/reproduce", body);
  }
};

TEST_F(Reproductions, TheEnvironmentsOfAJobAreListed) {
  const std::string id = completed();
  const Answer answer = get("/jobs/" + id + "/environment");
  ASSERT_EQ(answer.json["data"].size(), 1U) << answer.response.body;
  EXPECT_EQ(answer.json["data"][0]["attempt"], 1);
  EXPECT_EQ(answer.json["data"][0]["cpu"]["threads"], 2);
  EXPECT_EQ(answer.json["data"][0]["inputs"], inputs());
  EXPECT_EQ(get("/jobs/none/environment").code(), "job_not_found");
}

TEST_F(Reproductions, AReproductionIsTheSameJobUnderANameOfItsOwn) {
  const std::string id = completed();
  const Json original = get("/jobs/" + id).json;
  EXPECT_EQ(original["reproduces"], nullptr);
  const Answer answer = send(request("POST", "/jobs/" + id + "/reproduce"));  // without a body
  ASSERT_EQ(answer.status, 202) << answer.response.body;
  const Json& job = answer.json;
  EXPECT_EQ(job["reproduces"], id);
  EXPECT_EQ(job["state"], "QUEUED");
  for (const char* same : {"type", "model", "model_version", "dataset", "params"}) {
    EXPECT_EQ(job[same], original[same]) << same;
  }
  const auto made = job["id"].get<std::string>();
  EXPECT_EQ(
      job["output"],
      (Json{{"name", "facts-repro-" + made.substr(made.size() - 8)}, {"alias", nullptr}}));
  EXPECT_EQ(Json::parse(hub.queue.get(made).spec_json)["settled_batch_size"], 2)
      << "what an automatic batch size came to";
}

TEST_F(Reproductions, OneOfAReproductionIsNamedOnce) {
  const auto first = reproduce(completed()).json["id"].get<std::string>();
  ASSERT_EQ(hub.queue.claim("w", hub.clock.now_ms())->id, first);
  const auto name = get("/jobs/" + first).json["output"]["name"].get<std::string>();
  hub.queue.complete(first, {{"train_loss", 2.5}}, jobs::JobResult{name, 1, "gone"});
  const Json second = reproduce(first).json;
  const auto id = second["id"].get<std::string>();
  EXPECT_EQ(second["output"]["name"], "facts-repro-" + id.substr(id.size() - 8));
}

TEST_F(Reproductions, ADryRunQueuesNothing) {
  const std::string id = completed();
  const Answer answer = reproduce(id, {{"dry_run", true}});
  ASSERT_EQ(answer.status, 200) << answer.response.body;
  EXPECT_EQ(answer.json["reproduces"], id);
  EXPECT_EQ(answer.json["environment"]["known"], false) << "this hub has no worker to ask";
  EXPECT_EQ(get("/jobs").json["data"].size(), 1U);
}

TEST_F(Reproductions, WhatHasNoResultIsRefused) {
  EXPECT_EQ(reproduce("none").code(), "job_not_found");
  const std::string running = add();
  EXPECT_EQ(reproduce(running).code(), "job_state");
  EXPECT_EQ(reproduce(running).status, 409);
  jobs::NewJob pull;
  pull.kind = "pull";
  pull.lane = jobs::kHostLane;
  EXPECT_EQ(reproduce(hub.queue.enqueue(pull).id).code(), "not_reproducible");
}

TEST_F(Reproductions, ARemovedDataSetIsRefused) {
  const std::string id = completed();
  EXPECT_EQ(del("/datasets/facts-data").status, 204);
  const Answer answer = reproduce(id);
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "dataset_gone");
  EXPECT_THAT(answer.message(), HasSubstr("facts-data"));
}

TEST_F(Reproductions, AChangedDataSetIsRefused) {
  const std::string id = completed();
  const auto path = hub.artifacts.absolute(hub.datasets.get("facts-data").path);
  const auto file = std::filesystem::is_directory(path) ? path / "train.jsonl" : path;
  std::filesystem::permissions(
      file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::ofstream(file, std::ios::app) << "{}\n";
  EXPECT_EQ(reproduce(id).code(), "dataset_changed");
}

TEST_F(Reproductions, AnotherDigestThanThenIsRefused) {
  for (const auto& [field, reason] :
       {std::pair("base_digest", "model_changed"),
        std::pair("dataset_digest", "dataset_changed")}) {
    const std::string id = add();
    Json other = inputs();
    other[field] = std::string(64, 'a');
    hub.queue.record_environment(id, environment(2, other));
    hub.queue.complete(id, {{"train_loss", 2.5}});
    const Answer answer = reproduce(id);
    EXPECT_EQ(answer.code(), reason);
    EXPECT_THAT(answer.message(), HasSubstr(std::string(64, 'a')));
  }
}

TEST_F(Reproductions, ARemovedBaseIsRefused) {
  const std::string id = completed();
  EXPECT_EQ(del("/models/tiny").status, 204);
  const Answer answer = reproduce(id);
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "model_gone");
}

TEST_F(Reproductions, UnknownFieldsAreRefused) {
  EXPECT_EQ(reproduce(completed(), {{"seed", 3}}).param(), "seed");
}

TEST_F(Reproductions, AnEvaluationIsDoneAgainAsAnEvaluation) {
  const std::string id = completed("evaluate");
  const auto made = reproduce(id).json["id"].get<std::string>();
  const auto evaluation = hub.evaluations.find_by_job(made);
  ASSERT_TRUE(evaluation);
  EXPECT_EQ(evaluation->metrics_json, "{}");
  EXPECT_NE(evaluation->id, hub.evaluations.find_by_job(id)->id);
}

TEST_F(Reproductions, TheComparisonWaitsForTheEnd) {
  const std::string id = completed();
  const auto made = reproduce(id).json["id"].get<std::string>();
  const std::string path = "/jobs/" + made + "/comparison";
  EXPECT_EQ(get(path).json["verdict"], "pending");
  ASSERT_EQ(hub.queue.claim("w", hub.clock.now_ms())->id, made);
  hub.queue.record_environment(made, environment(4, inputs()));
  hub.queue.record_metric(made, {{"step", 1}, {"train_loss", 2.55}});
  hub.queue.complete(made, {{"train_loss", 2.5}, {"batch_size", 2}, {"seconds", 9}});
  Json found = get(path).json;
  EXPECT_EQ(found["reproduces"], id);
  EXPECT_EQ(found["verdict"], "within_tolerance") << found.dump(2);
  EXPECT_EQ(found["tolerance"], 0.02);
  EXPECT_EQ(found["environment"]["differences"][0]["name"], "cpu.threads");
  EXPECT_EQ(get(path + "?tolerance=0.001").json["verdict"], "different");
  for (const char* bad : {"x", "-1", "nan", "inf"}) {
    EXPECT_EQ(get(path + "?tolerance=" + bad).param(), "tolerance") << bad;
  }
  EXPECT_EQ(get("/jobs/" + id + "/comparison").code(), "not_a_reproduction");
  EXPECT_EQ(del("/jobs/" + id).status, 204);
  EXPECT_EQ(get(path).code(), "original_gone");
}

TEST_F(Reproductions, OneThatFailedIsNotCompared) {
  const auto made = reproduce(completed()).json["id"].get<std::string>();
  ASSERT_EQ(hub.queue.claim("w", hub.clock.now_ms())->id, made);
  hub.queue.fail(made, "no room");
  EXPECT_EQ(get("/jobs/" + made + "/comparison").json["verdict"], "failed");
}

}  // namespace
}  // namespace hub::api
