// Data sets, evaluations and idempotency keys.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/db/statement.h"
#include "core/registry/idempotency_store.h"
#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;

class DatasetRegistryTest : public test::RegistryFixture {
 protected:
  Dataset add(const std::string& name) {
    return datasets.add(
        {.name = name,
         .digest = base::sha256_hex(name),
         .path = "/data/" + name,
         .format = "chat",
         .rows = 3,
         .size_bytes = 10});
  }
};

TEST_F(DatasetRegistryTest, AddsFindsListsRemoves) {
  const Dataset dataset = add("facts");
  EXPECT_EQ(datasets.get("facts").id, dataset.id);
  EXPECT_EQ(datasets.get(dataset.id).rows, 3);
  add("more");
  EXPECT_EQ(datasets.list("", 10).size(), 2U);
  EXPECT_EQ(datasets.list(dataset.id, 10).size(), 1U);
  EXPECT_EQ(datasets.remove("facts").id, dataset.id);
  EXPECT_EQ(thrown_by([&] { datasets.get("facts"); }).reason, "dataset_not_found");
}

TEST_F(DatasetRegistryTest, RefusesTakenAndMalformedNames) {
  add("facts");
  EXPECT_EQ(thrown_by([&] { add("facts"); }).reason, "dataset_exists");
  EXPECT_EQ(thrown_by([&] { add("a/b"); }).code, ErrorCode::kInvalidArgument);
}

TEST_F(DatasetRegistryTest, ADataSetOfALiveJobIsNotRemoved) {
  const Dataset dataset = add("facts");
  storage.pool.write([&](db::Connection& connection) {
    db::Statement(
        connection,
        "INSERT INTO jobs (id, kind, lane, state, spec_json, dataset_id, created_at) "
        "VALUES (?1, 'finetune', 'device', 'QUEUED', '{}', ?2, 0)",
        base::new_id(),
        dataset.id)
        .run();
  });
  EXPECT_EQ(thrown_by([&] { datasets.remove("facts"); }).reason, "dataset_in_use");
}

using EvaluationRegistryTest = test::RegistryFixture;

TEST_F(EvaluationRegistryTest, FinishesByItsJob) {
  const Evaluation made =
      evaluations.add({.job_id = "job-1", .model = "a", .version_id = "v", .dataset_id = "d"});
  EXPECT_FALSE(made.ended_at_ms);
  const Evaluation done = evaluations.finish("job-1", {{"loss", 1.5}, {"rows", 4}});
  EXPECT_EQ(done.id, made.id);
  EXPECT_EQ(done.ended_at_ms, storage.clock.now_ms());
  EXPECT_EQ(base::Json::parse(evaluations.get(made.id).metrics_json)["loss"], 1.5);
  EXPECT_EQ(
      thrown_by([&] { evaluations.finish("job-2", base::Json::object()); }).reason,
      "evaluation_not_found");
  EXPECT_FALSE(evaluations.find_by_job("job-2"));
}

TEST_F(EvaluationRegistryTest, ListsByVersionAndPage) {
  for (const char* job : {"1", "2", "3"}) {
    evaluations.add(
        {.job_id = job,
         .model = "a",
         .version_id = std::string(job) == "2" ? "w" : "v",
         .dataset_id = "d"});
  }
  EvaluationFilter filter;
  filter.version_id = "v";
  ASSERT_EQ(evaluations.list(filter).size(), 2U);
  EXPECT_EQ(evaluations.list(filter)[0].job_id, "3") << "newest first";
  filter.after_id = evaluations.list(filter)[0].id;
  EXPECT_EQ(evaluations.list(filter).size(), 1U);
}

class IdempotencyStoreTest : public test::RegistryFixture {
 protected:
  IdempotencyStore store{storage.pool, storage.clock};
};

TEST_F(IdempotencyStoreTest, GivesTheFirstAnswerAgain) {
  EXPECT_FALSE(store.begin("k", "POST /jobs", "body"));
  store.finish("k", "POST /jobs", {202, "{}"});
  const auto answer = store.begin("k", "POST /jobs", "body");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->body, "{}");
  EXPECT_FALSE(store.begin("k", "POST /models", "body")) << "keys are of one route";
}

TEST_F(IdempotencyStoreTest, RefusesAnotherBodyAndASecondAtTheSameTime) {
  store.begin("k", "r", "body");
  EXPECT_EQ(thrown_by([&] { store.begin("k", "r", "body"); }).reason, "idempotency_in_progress");
  EXPECT_EQ(thrown_by([&] { store.begin("k", "r", "else"); }).reason, "idempotency_key_reused");
  store.abandon("k", "r");
  EXPECT_FALSE(store.begin("k", "r", "else"));
}

TEST_F(IdempotencyStoreTest, ForgetsAfterADayAndWhatADeadServerLeft) {
  store.begin("k", "r", "body");
  store.finish("k", "r", {201, "x"});
  store.begin("left", "r", "body");
  IdempotencyStore restarted(storage.pool, storage.clock);
  EXPECT_FALSE(restarted.begin("left", "r", "body"));
  storage.clock.advance_ms(IdempotencyStore::kKeepMs);
  EXPECT_TRUE(restarted.begin("k", "r", "body"));
  storage.clock.advance_ms(1);
  EXPECT_FALSE(restarted.begin("k", "r", "body"));
}

TEST_F(EvaluationRegistryTest, EveryChangeOfTheRegistryIsAnEvent) {
  const Model model = add_model("a", ready("1"));
  aliases.set("a", "production", 1);
  models.update_model("a", "d", std::nullopt);
  aliases.remove("a", "production");
  const Dataset dataset =
      datasets.add({.name = "d", .digest = base::sha256_hex("d"), .path = "/d", .format = "chat"});
  datasets.remove("d");
  evaluations.add({.job_id = "j", .model = "a", .version_id = "v", .dataset_id = "d"});
  evaluations.finish("j", base::Json::object());
  models.remove_model("a");
  std::vector<std::string> types;
  std::int64_t last = 0;
  storage.pool.read([&](db::Connection& connection) {
    db::Statement rows(connection, "SELECT seq, type FROM events ORDER BY seq");
    while (rows.step()) {
      last = rows.integer(0);
      types.push_back(rows.text(1));
    }
  });
  EXPECT_EQ(
      types,
      (std::vector<std::string>{
          "model.created",
          "version.created",
          "alias.set",
          "model.updated",
          "alias.removed",
          "dataset.created",
          "dataset.deleted",
          "evaluation.created",
          "evaluation.completed",
          "model.deleted"}));
  EXPECT_EQ(last, static_cast<std::int64_t>(types.size()));
}

}  // namespace
}  // namespace hub::registry
