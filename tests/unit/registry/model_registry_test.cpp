#include "core/registry/model_registry.h"

#include <SQLiteCpp/Exception.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/db/statement.h"
#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;
using ModelRegistryTest = test::RegistryFixture;

TEST_F(ModelRegistryTest, RegistersAModelWithItsFirstVersion) {
  const Model model = models.add_model(
      {.name = "Llama-3-8B-MLX",
       .base_model = "mlx-community/Meta-Llama-3-8B-4bit",
       .description = "d",
       .tags_json = R"({"task":"chat"})"},
      NewVersion{});
  EXPECT_EQ(models.get_model(model.id).name, "Llama-3-8B-MLX");
  EXPECT_EQ(models.get_model("Llama-3-8B-MLX").id, model.id);
  EXPECT_EQ(model.tags_json, R"({"task":"chat"})");
  ListFilter filter;
  filter.model_id = model.id;
  const auto versions = models.list_versions(filter);
  ASSERT_EQ(versions.size(), 1U);
  EXPECT_EQ(versions[0].number, 1);
  EXPECT_EQ(versions[0].state, VersionState::kPending);
  EXPECT_EQ(models.newest_ready(model.id), std::nullopt);
}

TEST_F(ModelRegistryTest, RefusesTakenAndMalformedNames) {
  add_model("a", NewVersion{});
  const auto taken = thrown_by([&] { add_model("a", NewVersion{}); });
  EXPECT_EQ(taken.code, ErrorCode::kConflict);
  EXPECT_EQ(taken.reason, "model_exists");
  EXPECT_EQ(taken.param, "name");
  for (const char* name : {"", "a b", "a/b", "a:1", "a@b", "a+b", "-a", "ä", "."}) {
    EXPECT_EQ(thrown_by([&] { add_model(name, std::nullopt); }).code, ErrorCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(
      thrown_by([&] { add_model(std::string(101, 'a'), std::nullopt); }).code,
      ErrorCode::kInvalidArgument);
}

TEST_F(ModelRegistryTest, NumbersAreNeverUsedAgain) {
  const Model model = add_model("a", ready("1"));
  const Version second = models.add_version(model.id, ready("2"));
  EXPECT_EQ(second.number, 2);
  storage.pool.write([&](db::Connection& connection) {
    db::Statement(connection, "DELETE FROM versions WHERE id = ?1", second.id).run();
  });
  EXPECT_EQ(models.next_number(model.id), 3);
  NewVersion stale = ready("3");
  stale.number = 2;
  EXPECT_EQ(thrown_by([&] { models.add_version(model.id, stale); }).reason, "version_taken");
  EXPECT_EQ(models.add_version(model.id, ready("3")).number, 3);
}

TEST_F(ModelRegistryTest, AVersionKeepsFilesSizeAndLineage) {
  const Model base = add_model("base", ready("b"));
  const Version base_version = *models.newest_ready(base.id);
  NewVersion adapter = adapter_of(base_version, "x");
  adapter.parent_version_id = base_version.id;
  adapter.job_id = "job";
  adapter.dataset_digest = base::sha256_hex("rows");
  adapter.files = {{"b", 3, base::sha256_hex("b")}, {"a", 4, base::sha256_hex("a")}};
  const Model model = add_model("facts", adapter);
  const Version version = *models.newest_ready(model.id);
  EXPECT_EQ(version.kind, VersionKind::kAdapter);
  EXPECT_EQ(version.size_bytes, 7);
  ASSERT_EQ(version.files.size(), 2U);
  EXPECT_EQ(version.files[0].name, "a");
  EXPECT_EQ(version.base_version_id, base_version.id);
  EXPECT_EQ(version.job_id, "job");
  EXPECT_EQ(models.get_version(version.id).dataset_digest, adapter.dataset_digest);
}

TEST_F(ModelRegistryTest, APendingVersionReceivesItsFilesOnce) {
  const Model model = add_model("a", NewVersion{});
  ListFilter filter;
  filter.model_id = model.id;
  const std::string id = models.list_versions(filter)[0].id;
  const Version version = models.make_ready(id, ready("1"));
  EXPECT_EQ(version.state, VersionState::kReady);
  EXPECT_EQ(version.files.size(), 1U);
  EXPECT_EQ(thrown_by([&] { models.make_ready(id, ready("2")); }).reason, "version_state");
  EXPECT_EQ(
      thrown_by([&] { models.make_ready("absent", ready("2")); }).reason, "version_not_found");
}

TEST_F(ModelRegistryTest, TheSchemaRefusesAReadyVersionWithoutContents) {
  NewVersion hollow;
  hollow.state = VersionState::kReady;
  EXPECT_THROW(add_model("a", hollow), SQLite::Exception);
  EXPECT_FALSE(models.find_model("a")) << "the model went with its version";
}

TEST_F(ModelRegistryTest, UpdatesKeepWhatIsAbsent) {
  add_model("a", NewVersion{});
  EXPECT_EQ(models.update_model("a", "new", std::nullopt).description, "new");
  storage.clock.advance_ms(5);
  const Model model = models.update_model("a", std::nullopt, R"({"k":"v"})");
  EXPECT_EQ(model.description, "new");
  EXPECT_EQ(model.tags_json, R"({"k":"v"})");
  EXPECT_EQ(model.updated_at_ms, storage.clock.now_ms());
  EXPECT_EQ(
      thrown_by([&] { models.update_model("b", "x", std::nullopt); }).reason, "model_not_found");
}

TEST_F(ModelRegistryTest, AModelInUseIsNotRemoved) {
  const Model base = add_model("base", ready("b"));
  add_model("facts", adapter_of(*models.newest_ready(base.id), "x"));
  const auto thrown = thrown_by([&] { models.remove_model("base"); });
  EXPECT_EQ(thrown.code, ErrorCode::kConflict);
  EXPECT_NE(thrown.message.find("'facts'"), std::string::npos) << thrown.message;
  EXPECT_EQ(models.remove_model("facts").size(), 1U);
  EXPECT_EQ(models.remove_model("base").size(), 1U);
  EXPECT_EQ(thrown_by([&] { models.get_model("base"); }).code, ErrorCode::kNotFound);
}

TEST_F(ModelRegistryTest, AModelWithItsOwnAdaptersGoesWhole) {
  const Model model = add_model("a", ready("1"));
  models.add_version(model.id, adapter_of(*models.newest_ready(model.id), "2"));
  aliases.set(model.id, "production", 1);
  EXPECT_EQ(models.remove_model("a").size(), 2U);
}

TEST_F(ModelRegistryTest, AModelOfALiveJobIsNotRemoved) {
  const Model model = add_model("a", ready("1"));
  storage.pool.write([&](db::Connection& connection) {
    db::Statement(
        connection,
        "INSERT INTO jobs (id, kind, lane, state, spec_json, version_id, created_at) "
        "VALUES (?1, 'finetune', 'device', 'QUEUED', '{}', ?2, 0)",
        base::new_id(),
        models.newest_ready(model.id)->id)
        .run();
  });
  EXPECT_EQ(thrown_by([&] { models.remove_model("a"); }).reason, "model_in_use");
}

TEST_F(ModelRegistryTest, ListsByPageAndName) {
  for (const char* name : {"alpha", "beta", "alphabet"}) {
    add_model(name, NewVersion{});
  }
  ListFilter filter;
  filter.limit = 2;
  const auto first = models.list_models(filter);
  ASSERT_EQ(first.size(), 2U);
  filter.after_id = first.back().id;
  ASSERT_EQ(models.list_models(filter).size(), 1U);
  ListFilter named;
  named.name_contains = "ALPHA";
  EXPECT_EQ(models.list_models(named).size(), 2U);
}

TEST_F(ModelRegistryTest, MetricsMergeAndStatesChange) {
  const Model model = add_model("a", ready("1", R"({"train_loss":2.0})"));
  const std::string id = models.newest_ready(model.id)->id;
  models.merge_metrics(id, {{"eval_loss", 1.5}});
  const base::Json metrics = base::Json::parse(models.get_version(id).metrics_json);
  EXPECT_EQ(metrics, (base::Json{{"train_loss", 2.0}, {"eval_loss", 1.5}}));
  models.set_state(id, VersionState::kCorrupt, "model.safetensors is missing");
  EXPECT_EQ(models.get_version(id).state_reason, "model.safetensors is missing");
  EXPECT_FALSE(models.newest_ready(model.id));
}

TEST_F(ModelRegistryTest, StoredFoldersLeaveReferencesOut) {
  add_model("a", ready("1"));
  NewVersion stored = ready("2");
  stored.by_reference = false;
  stored.folder = "artifacts/x/v1";
  add_model("b", stored);
  EXPECT_EQ(models.stored_folders(), std::set<std::string>{"artifacts/x/v1"});
}

}  // namespace
}  // namespace hub::registry
