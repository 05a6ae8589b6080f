#include <filesystem>

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class JobRoutes : public test::HandlerFixture {
 protected:
  JobRoutes() {
    add_chat_model("tiny");
    add_dataset("facts-data");
  }
  Json full() const {
    return {
        {"type", "finetune"},
        {"model", "tiny"},
        {"dataset", "facts-data"},
        {"params", {{"rank", 4}, {"max_seq_length", 32}}},
        {"output", {{"name", "facts"}, {"alias", nullptr}}},
        {"timeout_seconds", 60},
        {"priority", 2}};
  }
  Answer with(const char* field, const Json& value) {
    Json body = full();
    body[field] = value;
    return post("/jobs", body);
  }
  std::string add_job() { return post("/jobs", full()).json.at("id").get<std::string>(); }
  std::string run_job() {
    const std::string id = add_job();
    EXPECT_EQ(hub.queue.claim("w", hub.clock.now_ms())->id, id);
    return id;
  }
};

TEST_F(JobRoutes, TheFullFormBecomesAQueuedJobWithAllDefaults) {
  const Answer answer = post("/jobs", full());
  ASSERT_EQ(answer.status, 202) << answer.response.body;
  const Json& job = answer.json;
  EXPECT_EQ(job["type"], "finetune");
  EXPECT_EQ(job["state"], "QUEUED");
  EXPECT_EQ(job["reason"], "position");
  EXPECT_EQ(job["queue_position"], 1);
  EXPECT_EQ(job["attempt"], 0);
  EXPECT_EQ(job["priority"], 2);
  EXPECT_EQ(job["timeout_seconds"], 60);
  EXPECT_EQ(job["model"], "tiny");
  EXPECT_EQ(job["model_version"]["version"], 1);
  EXPECT_EQ(job["dataset"]["name"], "facts-data");
  EXPECT_EQ(job["params"]["rank"], 4);
  EXPECT_EQ(job["params"]["learning_rate"], 1e-4);
  EXPECT_EQ(job["params"]["batch_size"], "auto");
  EXPECT_EQ(job["output"], (Json{{"name", "facts"}, {"alias", nullptr}}));
  EXPECT_GT(job["memory"]["estimated_bytes"], 0);
  EXPECT_EQ(job["memory"]["peak_bytes"], nullptr);
  EXPECT_EQ(
      job["progress"],
      (Json{{"step", 0}, {"total", nullptr}, {"percent", 0.0}, {"eta_seconds", nullptr}}));
  EXPECT_EQ(job["result"], nullptr);
  EXPECT_EQ(get("/jobs/" + job["id"].get<std::string>()).json, job);
}

TEST_F(JobRoutes, RecomputedActivationsAreTakenAndCounted) {
  const auto estimate = [&](bool recompute) {
    const Answer answer =
        with("params", Json{{"grad_checkpoint", recompute}, {"batch_size", 4}, {"method", "dora"}});
    EXPECT_EQ(answer.status, 202) << answer.response.body;
    EXPECT_EQ(answer.json["params"]["grad_checkpoint"], recompute);
    return answer.json["memory"]["estimated_bytes"].get<std::int64_t>();
  };
  // By how much, and in which direction for so small a model, is model_config's to test.
  EXPECT_NE(estimate(true), estimate(false));
}

TEST_F(JobRoutes, TheFlatFormOfThePlanWorks) {
  const auto file = data_file("flat.jsonl", 2);
  const Json body = {
      {"base_model", "tiny"}, {"dataset_path", file.string()}, {"lora_rank", 16}, {"epochs", 3}};
  const Answer answer = post("/jobs", body);
  ASSERT_EQ(answer.status, 202) << answer.response.body;
  EXPECT_EQ(answer.json["params"]["rank"], 16);
  EXPECT_EQ(answer.json["params"]["epochs"], 3);
  const std::string id = answer.json["id"];
  EXPECT_EQ(answer.json["output"]["name"], "tiny-" + id.substr(id.size() - 8));
  const std::string dataset = answer.json["dataset"]["name"];
  EXPECT_EQ(dataset, "flat-" + base::sha256_file(file).substr(0, 8));
  EXPECT_EQ(post("/jobs", body).json["dataset"], answer.json["dataset"]) << "registered once";

  Json minimal = {{"base_model", "tiny"}, {"dataset_path", "facts-data"}};
  EXPECT_EQ(post("/jobs", minimal).status, 202);
  minimal["lora_rank"] = 0;
  EXPECT_EQ(post("/jobs", minimal).param(), "lora_rank");
  minimal["lora_rank"] = 8;
  minimal["model"] = "tiny";
  EXPECT_EQ(post("/jobs", minimal).code(), "unknown_field");
  EXPECT_EQ(post("/jobs", {{"base_model", "tiny"}}).param(), "dataset_path");
  EXPECT_EQ(
      post("/jobs", {{"base_model", "none"}, {"dataset_path", "facts-data"}}).param(),
      "base_model");
  EXPECT_EQ(post("/jobs", {{"base_model", "tiny"}, {"dataset_path", "/etc/passwd"}}).status, 403);
}

TEST_F(JobRoutes, WhatCannotWorkIsRefusedAtOnce) {
  EXPECT_EQ(with("model", "none").code(), "model_not_found");
  EXPECT_EQ(with("dataset", "none").code(), "dataset_not_found");
  EXPECT_EQ(with("dataset", 3).param(), "dataset");
  EXPECT_EQ(with("type", "paint").param(), "type");
  EXPECT_EQ(with("type", nullptr).param(), "type");
  EXPECT_EQ(with("params", Json{{"rank", 0}}).param(), "params.rank");
  EXPECT_EQ(with("params", Json{{"speed", 1}}).code(), "unknown_field");
  EXPECT_EQ(with("params", 3).param(), "params");
  EXPECT_EQ(with("colour", "red").param(), "colour");
  EXPECT_EQ(with("output", Json{{"name", "a b"}}).param(), "output.name");
  EXPECT_EQ(with("output", Json{{"alias", "latest"}}).param(), "output.alias");
  EXPECT_EQ(with("output", Json{{"file", "x"}}).param(), "output.file");
  EXPECT_EQ(with("output", Json{{"name", "tiny"}}).status, 409);
  EXPECT_EQ(with("timeout_seconds", 0).param(), "timeout_seconds");
  EXPECT_EQ(with("priority", 1001).param(), "priority");
  EXPECT_EQ(with("priority", "high").param(), "priority");
  EXPECT_EQ(with_body("POST", "/jobs", "not json").code(), "invalid_json");
  EXPECT_EQ(get("/jobs").json["data"].size(), 0U);
}

TEST_F(JobRoutes, AJobOnAModelWithoutWeightsWaitsForOnePull) {
  post("/models", {{"name", "far"}, {"base_model", "org/far"}});
  for (const char* asked : {"far", "far:1"}) {
    const Answer job = with("model", asked);
    EXPECT_EQ(job.status, 202) << job.response.body;
    EXPECT_EQ(job.json["reason"], "waiting_for_weights");
  }
  const Json pulls = get("/jobs?type=pull").json["data"];
  ASSERT_EQ(pulls.size(), 1U);
  EXPECT_EQ(pulls[0]["state"], "QUEUED");
  EXPECT_EQ(with("model", "far@production").code(), "model_not_found");
  EXPECT_EQ(with("model", "far:2").code(), "model_not_found");
  // The pull's end is theirs.
  post("/jobs/" + pulls[0]["id"].get<std::string>() + "/cancel", Json::object());
  const Json trainings = get("/jobs?type=finetune").json["data"];
  EXPECT_EQ(trainings.size(), 2U);
  for (const Json& job : trainings) {
    EXPECT_EQ(job["state"], "FAILED");
    EXPECT_THAT(job["reason"].get<std::string>(), HasSubstr("did not arrive"));
  }
}

TEST_F(JobRoutes, AJobTooLargeForTheMachineSaysWhatFits) {
  std::string words;
  for (int i = 0; i < 600'000; ++i) {
    words += "ab ";
  }
  const auto file = files.write(
      "data/imports/long.jsonl",
      Json{{"messages",
            {{{"role", "user"}, {"content", "q"}}, {{"role", "assistant"}, {"content", words}}}}}
              .dump() +
          "\n");
  ASSERT_EQ(post("/datasets", {{"name", "long"}, {"path", file.string()}}).status, 201);
  Json body = full();
  body["dataset"] = "long";
  body["params"] = {{"batch_size", 1}, {"max_seq_length", 1048576}};
  const Answer answer = post("/jobs", body);
  ASSERT_EQ(answer.status, 422) << answer.response.body;
  EXPECT_EQ(answer.code(), "insufficient_memory");
  EXPECT_EQ(answer.json["error"]["type"], "insufficient_memory");
  EXPECT_THAT(answer.message(), HasSubstr("1073741824 bytes"));
  EXPECT_THAT(answer.message(), HasSubstr("it fits with params"));
}

TEST_F(JobRoutes, AnIdempotentJobIsQueuedOnce) {
  const Answer first = post("/jobs", full(), "k");
  EXPECT_EQ(post("/jobs", full(), "k").json["id"], first.json["id"]);
  EXPECT_EQ(get("/jobs").json["data"].size(), 1U);
}

TEST_F(JobRoutes, ListsNewestFirstWithFilters) {
  const std::string first = add_job();
  const std::string second = add_job();
  const std::string third = add_job();
  hub.queue.cancel(second);
  const Answer page = get("/jobs?limit=2");
  EXPECT_EQ(page.json["data"][0]["id"], third);
  const Answer rest = get("/jobs?limit=2&cursor=" + page.json["next_cursor"].get<std::string>());
  ASSERT_EQ(rest.json["data"].size(), 1U);
  EXPECT_EQ(rest.json["data"][0]["id"], first);
  EXPECT_EQ(get("/jobs?state=cancelled").json["data"].size(), 1U);
  EXPECT_EQ(get("/jobs?type=evaluate").json["data"].size(), 0U);
  EXPECT_EQ(get("/jobs?state=done").param(), "state");
  EXPECT_EQ(get("/jobs?cursor=x").param(), "cursor");
}

TEST_F(JobRoutes, CancelWorksInEachLiveState) {
  const std::string queued = add_job();
  EXPECT_EQ(send(request("POST", "/jobs/" + queued + "/cancel")).json["state"], "CANCELLED");
  EXPECT_EQ(send(request("POST", "/jobs/" + queued + "/cancel")).code(), "job_state");
  const std::string running = run_job();
  const Answer asked = send(request("POST", "/jobs/" + running + "/cancel"));
  EXPECT_EQ(asked.json["state"], "RUNNING");
  EXPECT_EQ(asked.json["cancel_requested"], true);
  EXPECT_EQ(send(request("POST", "/jobs/none/cancel")).status, 404);
}

TEST_F(JobRoutes, MetricsHaveEveryFieldAndPages) {
  const std::string id = run_job();
  hub.queue.record_metric(id, {{"step", 1}, {"train_loss", 2.5}, {"trained_tokens", 70}});
  hub.queue.record_metric(id, {{"step", 2}, {"eval_loss", 2.25}});
  const Answer all = get("/jobs/" + id + "/metrics");
  ASSERT_EQ(all.json["data"].size(), 2U);
  EXPECT_EQ(all.json["data"][0]["train_loss"], 2.5);
  EXPECT_EQ(all.json["data"][0]["eval_loss"], nullptr);
  EXPECT_EQ(all.json["data"][0]["trained_tokens"], 70);
  EXPECT_TRUE(all.json["data"][0].contains("grad_norm"));
  EXPECT_TRUE(all.json["data"][0]["time"].is_string());
  EXPECT_EQ(all.json["next_cursor"], nullptr);
  const Answer first = get("/jobs/" + id + "/metrics?limit=1");
  EXPECT_EQ(first.json["next_cursor"], "1");
  EXPECT_EQ(get("/jobs/" + id + "/metrics?limit=1&cursor=1").json["data"][0]["step"], 2);
  EXPECT_EQ(get("/jobs/none/metrics").code(), "job_not_found");
}

TEST_F(JobRoutes, MetricsComeAsFiles) {
  const std::string id = run_job();
  hub.queue.record_metric(id, {{"step", 1}, {"train_loss", 2.5}});
  const Answer csv = get("/jobs/" + id + "/metrics?format=csv");
  EXPECT_THAT(csv.response.body, HasSubstr("step,time,train_loss\r\n1,"));
  EXPECT_THAT(csv.response.headers.at("Content-Type"), HasSubstr("text/csv"));
  const Answer events = get("/jobs/" + id + "/metrics?format=tensorboard");
  EXPECT_THAT(events.response.body, HasSubstr("train/train_loss"));
  EXPECT_THAT(events.response.headers.at("Content-Disposition"), HasSubstr("tfevents"));
  EXPECT_EQ(get("/jobs/" + id + "/metrics?format=xml").param(), "format");
  EXPECT_EQ(get("/jobs/none/metrics?format=csv").code(), "job_not_found");
}

TEST_F(JobRoutes, AJobInProgressShowsPercentMetricsAndMemory) {
  const std::string id = run_job();
  hub.queue.record_progress(id, 5, 20, 12.5);
  hub.queue.record_metric(id, {{"step", 5}, {"train_loss", 1.5}});
  hub.queue.record_memory(id, {{"peak_bytes", 4096}});
  const Json job = get("/jobs/" + id).json;
  EXPECT_EQ(
      job["progress"],
      (Json{{"step", 5}, {"total", 20}, {"percent", 25.0}, {"eta_seconds", 12.5}}));
  EXPECT_EQ(job["metrics"]["train_loss"], 1.5);
  EXPECT_EQ(job["memory"]["peak_bytes"], 4096);
  EXPECT_EQ(job["queue_position"], nullptr);
  hub.queue.complete(id, {{"steps", 20}}, jobs::JobResult{"facts", 1, "vid"});
  EXPECT_EQ(
      get("/jobs/" + id).json["result"],
      (Json{{"model", "facts"}, {"version", 1}, {"version_id", "vid"}}));
}

TEST_F(JobRoutes, LogsAreTextAndEmptyBeforeTheStart) {
  const std::string id = add_job();
  const Answer none = get("/jobs/" + id + "/logs");
  EXPECT_EQ(none.status, 200);
  EXPECT_EQ(none.response.body, "");
  std::filesystem::create_directories(hub.jobs_folder() / id);
  base::write_file_atomically(hub.jobs_folder() / id / "log.txt", "one\ntwo\n");
  EXPECT_EQ(get("/jobs/" + id + "/logs").response.body, "one\ntwo\n");
  EXPECT_THAT(
      get("/jobs/" + id + "/logs").response.headers.at("Content-Type"), HasSubstr("text/plain"));
  base::write_file_atomically(hub.jobs_folder() / id / "log.rank1.txt", "another\n");
  EXPECT_EQ(get("/jobs/" + id + "/logs?rank=1").response.body, "another\n");
  EXPECT_EQ(get("/jobs/" + id + "/logs?rank=/../../etc").param(), "rank");
  EXPECT_EQ(get("/jobs/../logs").status, 404);
}

TEST_F(JobRoutes, OnlyEndedJobsAreDeleted) {
  const std::string id = add_job();
  EXPECT_EQ(del("/jobs/" + id).status, 409);
  std::filesystem::create_directories(hub.jobs_folder() / id);
  hub.queue.cancel(id);
  EXPECT_EQ(del("/jobs/" + id).status, 204);
  EXPECT_FALSE(std::filesystem::exists(hub.jobs_folder() / id));
  EXPECT_EQ(get("/jobs/" + id).code(), "job_not_found");
}

TEST_F(JobRoutes, PriorityMovesAQueuedJob) {
  const std::string first = add_job();
  const std::string second = add_job();
  const Answer moved = with_body("PATCH", "/jobs/" + second, R"({"priority":9})");
  EXPECT_EQ(moved.json["queue_position"], 1);
  EXPECT_EQ(get("/jobs/" + first).json["queue_position"], 2);
  EXPECT_EQ(with_body("PATCH", "/jobs/" + first, "{}").param(), "priority");
  EXPECT_EQ(with_body("PATCH", "/jobs/" + first, R"({"priority":9999})").param(), "priority");
  hub.queue.cancel(first);
  EXPECT_EQ(with_body("PATCH", "/jobs/" + first, R"({"priority":1})").code(), "job_state");
}

TEST_F(JobRoutes, TheQueuePausesAndResumes) {
  add_job();
  EXPECT_EQ(send(request("POST", "/jobs/queue/pause")).json["paused"], true);
  EXPECT_FALSE(hub.queue.claim("w", hub.clock.now_ms()));
  EXPECT_EQ(send(request("POST", "/jobs/queue/resume")).json["paused"], false);
  EXPECT_TRUE(hub.queue.claim("w", hub.clock.now_ms()));
}

TEST_F(JobRoutes, AnEvaluationIsAJobWithARecord) {
  const Answer made = post(
      "/evaluations",
      {{"model", "tiny"}, {"dataset", "facts-data"}, {"params", {{"max_rows", 2}}}});
  ASSERT_EQ(made.status, 202) << made.response.body;
  EXPECT_EQ(made.json["state"], "QUEUED");
  EXPECT_EQ(made.json["metrics"], Json::object());
  const std::string job = made.json["job_id"];
  EXPECT_EQ(get("/jobs/" + job).json["type"], "evaluate");
  EXPECT_EQ(get("/jobs/" + job).json["params"]["max_rows"], 2);
  hub.queue.claim("w", hub.clock.now_ms());
  hub.evaluations.finish(job, {{"loss", 1.5}, {"perplexity", 4.5}});
  hub.queue.complete(job, {{"loss", 1.5}});
  const std::string path = "/evaluations/" + made.json["id"].get<std::string>();
  EXPECT_EQ(get(path).json["state"], "COMPLETED");
  EXPECT_EQ(get(path).json["metrics"]["loss"], 1.5);
  const std::string version = made.json["model_version"]["id"];
  EXPECT_EQ(get("/evaluations?version_id=" + version).json["data"].size(), 1U);
  EXPECT_EQ(get("/evaluations?dataset=facts-data").json["data"].size(), 1U);
  EXPECT_EQ(get("/evaluations?dataset=none").status, 404);
  EXPECT_EQ(get("/evaluations/none").code(), "evaluation_not_found");

  Json by_job = {{"type", "evaluate"}, {"model", "tiny"}, {"dataset", "facts-data"}};
  EXPECT_EQ(post("/jobs", by_job).status, 202);
  EXPECT_EQ(get("/evaluations").json["data"].size(), 2U) << "each has its record";
  by_job["params"] = {{"rank", 8}};
  EXPECT_EQ(post("/jobs", by_job).param(), "params.rank");
  EXPECT_EQ(post("/evaluations", {{"model", "tiny"}}).param(), "dataset");
}

TEST_F(JobRoutes, AJobKeepsItsModelAndDataFromBeingRemoved) {
  const std::string id = add_job();
  EXPECT_EQ(del("/models/tiny").code(), "model_in_use");
  EXPECT_EQ(del("/datasets/facts-data").code(), "dataset_in_use");
  hub.queue.cancel(id);
  EXPECT_EQ(del("/datasets/facts-data").status, 204);
  EXPECT_EQ(get("/jobs/" + id).json["dataset"]["name"], nullptr);
}

}  // namespace
}  // namespace hub::api
