#include <filesystem>

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>

#include "core/base/file.h"
#include "core/base/ids.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class ModelRoutes : public test::HandlerFixture {};

TEST_F(ModelRoutes, ThePlansRegistrationIsPendingAndDownloadsNothing) {
  const Answer answer = with_body(
      "POST",
      "/models",
      R"({"name": "Llama-3-8B-MLX", "base_model": "mlx-community/Meta-Llama-3-8B-4bit"})");
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_TRUE(base::is_id(answer.json["id"].get<std::string>()));
  EXPECT_EQ(answer.json["name"], "Llama-3-8B-MLX");
  EXPECT_EQ(answer.json["base_model"], "mlx-community/Meta-Llama-3-8B-4bit");
  EXPECT_EQ(answer.json["state"], "pending");
  EXPECT_EQ(answer.json["versions"][0]["version"], 1);
  EXPECT_EQ(answer.json["versions"][0]["digest"], nullptr);
  EXPECT_EQ(answer.json["size_bytes"], 0);
  const Answer got = get("/models/" + answer.json["id"].get<std::string>());
  EXPECT_EQ(got.json, answer.json);
  EXPECT_EQ(get("/models/Llama-3-8B-MLX").json, answer.json);
}

TEST_F(ModelRoutes, ALocalFolderIsCopiedAndReady) {
  const Json model = add_model("tiny");
  EXPECT_EQ(model["state"], "ready");
  EXPECT_EQ(model["architecture"], "llama");
  EXPECT_EQ(model["context_length"], 64);
  EXPECT_EQ(model["quantization"], nullptr);
  EXPECT_EQ(model["chat_template"], false);
  EXPECT_GT(model["memory_required_bytes"], 0);
  const Json version = get("/versions/" + model["versions"][0]["id"].get<std::string>()).json;
  EXPECT_EQ(version["by_reference"], false);
  EXPECT_EQ(version["files"].size(), 2U);
  EXPECT_EQ(
      version["folder"],
      (hub.config.data_dir / "artifacts" / model["id"].get<std::string>() / "v1").string());
  EXPECT_TRUE(std::filesystem::exists(version["folder"].get<std::string>() + "/config.json"));
}

TEST_F(ModelRoutes, AFolderCanStayWhereItIs) {
  const auto folder = model_folder("here");
  const Json model =
      post("/models", {{"name", "here"}, {"base_model", folder.string()}, {"storage", "reference"}})
          .json;
  const Json version = get("/versions/" + model["versions"][0]["id"].get<std::string>()).json;
  EXPECT_EQ(version["by_reference"], true);
  EXPECT_EQ(version["folder"], std::filesystem::canonical(folder).string());
}

TEST_F(ModelRoutes, ARegisteredModelsNameGivesTheSameContentsAgain) {
  const Json source = add_model("tiny");
  const Json copy = post("/models", {{"name", "copy"}, {"base_model", "tiny"}}).json;
  EXPECT_EQ(copy["state"], "ready");
  EXPECT_EQ(copy["versions"][0]["digest"], source["versions"][0]["digest"]);
  EXPECT_EQ(del("/models/tiny").status, 204);
  const Json version = get("/versions/" + copy["versions"][0]["id"].get<std::string>()).json;
  const std::string folder = version["folder"];
  EXPECT_TRUE(std::filesystem::exists(folder + "/model.safetensors"))
      << "it does not need its source any more";
}

TEST_F(ModelRoutes, WhatCannotBeRegisteredIsSaid) {
  const Json good = {{"name", "x"}, {"base_model", "org/repo"}};
  const auto with = [&](const char* field, const Json& value) {
    Json body = good;
    body[field] = value;
    return post("/models", body);
  };
  EXPECT_EQ(with("name", "a b").param(), "name");
  EXPECT_EQ(with("name", 3).param(), "name");
  EXPECT_EQ(with("name", nullptr).param(), "name");
  EXPECT_EQ(with("colour", "red").code(), "unknown_field");
  EXPECT_EQ(with("colour", "red").param(), "colour");
  EXPECT_EQ(with("tags", 3).param(), "tags");
  EXPECT_EQ(with("tags", Json{{"a", 3}}).param(), "tags.a");
  EXPECT_EQ(with("storage", "cloud").param(), "storage");
  EXPECT_EQ(with("pull", true).code(), "hub_unreachable");
  EXPECT_EQ(with("base_model", "nowhere").status, 404);
  EXPECT_EQ(with("base_model", "org/../repo").status, 404);
  EXPECT_EQ(with("base_model", "/etc").status, 403);
  EXPECT_EQ(with("base_model", "../../etc").status, 403);
  EXPECT_EQ(with("base_model", (hub.config.data_dir / "absent").string()).status, 404);
  EXPECT_EQ(with_body("POST", "/models", "{").code(), "invalid_json");
  EXPECT_EQ(with_body("POST", "/models", "[]").status, 400);
  EXPECT_EQ(get("/models").json["data"].size(), 0U);

  EXPECT_EQ(post("/models", good).status, 201);
  const Answer again = post("/models", good);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.code(), "model_exists");
}

TEST_F(ModelRoutes, ABodyOfAnotherTypeIsRefused) {
  Request form = request("POST", "/models");
  form.headers["Content-Type"] = "application/x-www-form-urlencoded";
  form.body = R"({"name":"x","base_model":"org/repo"})";
  const Answer refused = send(form);
  EXPECT_EQ(refused.status, 415);
  EXPECT_THAT(refused.message(), HasSubstr("application/json"));
  form.headers["Content-Type"] = "Application/JSON; charset=utf-8";
  EXPECT_EQ(send(form).status, 201);
}

TEST_F(ModelRoutes, ABrokenFolderIsRefusedAndLeavesNothing) {
  const auto folder = model_folder("broken");
  static_cast<void>(files.write("data/imports/broken/model.safetensors", "short"));
  const Answer answer = post("/models", {{"name", "b"}, {"base_model", folder.string()}});
  EXPECT_EQ(answer.status, 422) << answer.response.body;
  EXPECT_THAT(answer.message(), HasSubstr("model.safetensors"));
  EXPECT_FALSE(hub.models.find_model("b"));
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "artifacts"));

  const auto bare = files.write("data/imports/bare/model.safetensors", "x").parent_path();
  const Answer no_config = post("/models", {{"name", "b"}, {"base_model", bare.string()}});
  EXPECT_THAT(no_config.message(), HasSubstr("config.json"));
}

TEST_F(ModelRoutes, ALinkOutOfTheFolderIsRefused) {
  const auto folder = model_folder("linked");
  std::filesystem::remove(folder / "config.json");
  const auto outside = files.write("outside.json", "{}");
  std::filesystem::create_symlink(outside, folder / "config.json");
  EXPECT_EQ(
      post("/models", {{"name", "b"}, {"base_model", folder.string()}}).code(), "path_not_allowed");
}

TEST_F(ModelRoutes, TagsAndDescriptionChange) {
  add_model("tiny");
  const Answer list = with_body("PATCH", "/models/tiny", R"({"tags":["a","b"],"description":"d"})");
  EXPECT_EQ(list.json["tags"], (Json{{"a", ""}, {"b", ""}}));
  const Answer map = with_body("PATCH", "/models/tiny", R"({"tags":{"task":"chat"}})");
  EXPECT_EQ(map.json["tags"], (Json{{"task", "chat"}}));
  EXPECT_EQ(map.json["description"], "d");
  EXPECT_EQ(with_body("PATCH", "/models/tiny", R"({"name":"x"})").code(), "unknown_field");
  EXPECT_EQ(with_body("PATCH", "/models/none", "{}").status, 404);
}

TEST_F(ModelRoutes, ListsByPage) {
  for (const char* name : {"a", "b", "c"}) {
    post("/models", {{"name", name}, {"base_model", "org/repo"}});
  }
  const Answer first = get("/models?limit=2");
  ASSERT_EQ(first.json["data"].size(), 2U);
  const Answer second =
      get("/models?limit=2&cursor=" + first.json["next_cursor"].get<std::string>());
  ASSERT_EQ(second.json["data"].size(), 1U);
  EXPECT_EQ(second.json["data"][0]["name"], "c");
  EXPECT_EQ(second.json["next_cursor"], nullptr);
  EXPECT_EQ(get("/models?name=B").json["data"].size(), 1U);
  for (const char* query : {"limit=0", "limit=201", "limit=x", "limit=-1", "cursor=zzz", "x=1"}) {
    EXPECT_EQ(get(std::string("/models?") + query).status, 400) << query;
  }
}

TEST_F(ModelRoutes, DeleteRemovesFilesAndName) {
  const Json model = add_model("tiny");
  EXPECT_EQ(del("/models/tiny").status, 204);
  EXPECT_EQ(get("/models/tiny").code(), "model_not_found");
  EXPECT_EQ(del("/models/tiny").status, 404);
  EXPECT_FALSE(
      std::filesystem::exists(hub.config.data_dir / "artifacts" / model["id"].get<std::string>()));
}

TEST_F(ModelRoutes, AliasesMoveByNumberTagOrId) {
  add_model("tiny");
  const Json second =
      post("/models/tiny/versions", {{"path", model_folder("second", 2).string()}}).json;
  const auto set = [&](const Json& version) {
    return with_body("PUT", "/models/tiny/aliases/production", Json{{"version", version}}.dump());
  };
  EXPECT_EQ(set(1).json["version"], 1);
  EXPECT_EQ(set("v2").json["version"], 2);
  EXPECT_EQ(set("1").json["version"], 1);
  EXPECT_EQ(set(second["id"]).json["version"], 2);
  EXPECT_EQ(get("/models/tiny").json["aliases"], (Json{{"production", 2}}));
  EXPECT_EQ(get("/models/tiny/aliases").json["data"].size(), 1U);
  EXPECT_EQ(set(9).status, 404);
  EXPECT_EQ(set(0).status, 400);
  EXPECT_EQ(set("newest").status, 400);
  EXPECT_EQ(set(nullptr).param(), "version");
  EXPECT_EQ(
      with_body("PUT", "/models/tiny/aliases/latest", R"({"version":1})").code(), "alias_reserved");
  EXPECT_EQ(del("/models/tiny/aliases/production").status, 204);
  EXPECT_EQ(del("/models/tiny/aliases/production").code(), "alias_not_found");
}

TEST_F(ModelRoutes, AGateThatFailsIsAConflictWithBothFigures) {
  add_model("tiny");
  const auto add = [&](char fill, double loss) {
    return post(
        "/models/tiny/versions",
        {{"path", model_folder("v", fill).string()}, {"metrics", {{"eval_loss", loss}}}});
  };
  ASSERT_EQ(add(2, 1.5).status, 201);
  ASSERT_EQ(add(3, 1.75).status, 201);
  const auto set = [&](int version) {
    return with_body(
        "PUT",
        "/models/tiny/aliases/production",
        Json{
            {"version", version},
            {"require", {{"metric", "eval_loss"}, {"not_worse_than", "production"}}}}
            .dump());
  };
  EXPECT_EQ(set(2).status, 200);
  const Answer refused = set(3);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "gate_failed");
  EXPECT_THAT(refused.message(), HasSubstr("1.75"));
  EXPECT_THAT(refused.message(), HasSubstr("1.5"));
  EXPECT_EQ(set(1).code(), "gate_undecided");
  EXPECT_EQ(
      with_body("PUT", "/models/tiny/aliases/x", R"({"version":1,"require":{"metric":"a"}})")
          .param(),
      "require.not_worse_than");
}

TEST_F(ModelRoutes, VersionsListAndRefuse) {
  const Json model = add_model("tiny");
  const auto add = [&](const Json& change) {
    Json body = {{"path", model_folder("second", 2).string()}};
    body.update(change);
    return post("/models/tiny/versions", body);
  };
  EXPECT_EQ(add({{"kind", "merged"}, {"metrics", {{"eval_loss", 1.5}}}}).status, 201);
  const Answer list = get("/models/tiny/versions");
  ASSERT_EQ(list.json["data"].size(), 2U);
  EXPECT_EQ(list.json["data"][0]["version"], 2);
  EXPECT_EQ(list.json["data"][0]["kind"], "merged");
  EXPECT_EQ(list.json["data"][0]["metrics"]["eval_loss"], 1.5);
  EXPECT_FALSE(list.json["data"][0].contains("files"));
  EXPECT_EQ(get("/versions?model=tiny&kind=base").json["data"].size(), 1U);
  EXPECT_EQ(get("/versions?kind=none").param(), "kind");
  EXPECT_EQ(get("/versions?model=none").status, 404);
  EXPECT_EQ(add({{"kind", "adapter"}}).param(), "kind");
  EXPECT_EQ(add({{"base", "tiny"}}).param(), "base");
  EXPECT_EQ(add({{"metrics", {{"a", "b"}}}}).param(), "metrics.a");
  EXPECT_EQ(add({{"path", "/etc"}}).status, 403);
  EXPECT_EQ(get("/models/tiny/versions").json["data"].size(), 2U) << "refusals leave nothing";
  EXPECT_EQ(get("/versions/none").code(), "version_not_found");
}

TEST_F(ModelRoutes, AnAdapterNeedsTheModelItWasTrainedOn) {
  add_model("tiny");
  post("/models", {{"name", "facts"}, {"base_model", "org/facts"}});
  const auto folder = adapter_folder("adapter");
  const Json body = {{"path", folder.string()}};
  EXPECT_EQ(post("/models/facts/versions", body).param(), "base");
  Json whole = body;
  whole["base"] = "tiny";
  const Answer made = post("/models/facts/versions", whole);
  ASSERT_EQ(made.status, 201) << made.response.body;
  EXPECT_EQ(made.json["kind"], "adapter");
  EXPECT_EQ(made.json["version"], 2);
  EXPECT_EQ(made.json["base"]["model"], "tiny");
  EXPECT_EQ(made.json["lineage"]["parent"]["version"], 1);
  const auto resolved = hub.resolver.resolve("tiny+facts");
  EXPECT_EQ(resolved.adapter->id, made.json["id"].get<std::string>());
  EXPECT_EQ(del("/models/tiny").code(), "model_in_use");
}

TEST_F(ModelRoutes, FilesComeWithTheirDigestAsETag) {
  const Json model = add_model("tiny");
  const std::string version = "/versions/" + model["versions"][0]["id"].get<std::string>();
  const Answer file = get(version + "/files/model.safetensors");
  ASSERT_TRUE(file.response.file);
  EXPECT_EQ(file.response.headers.at("ETag"), '"' + base::sha256_file(*file.response.file) + '"');
  EXPECT_EQ(get(version + "/files/absent").code(), "file_not_found");
  EXPECT_EQ(get(version + "/files/..").status, 404);
}

// A crash between the rows and the kept answer would let a repeated request create a second model.
TEST_F(ModelRoutes, TheRowsAndTheKeptAnswerAreOneTransaction) {
  const Json body = {{"name", "x"}, {"base_model", "org/repo"}};
  hub.database.write([](db::Connection& connection) {
    connection.exec(
        "CREATE TRIGGER no_answers BEFORE UPDATE ON idempotency_keys WHEN NEW.status <> 0 "
        "BEGIN SELECT RAISE(ABORT, 'the answer cannot be kept'); END");
  });
  EXPECT_EQ(post("/models", body, "key-1").status, 500);
  EXPECT_FALSE(hub.models.find_model("x")) << "a model without its kept answer";
  hub.database.write(
      [](db::Connection& connection) { connection.exec("DROP TRIGGER no_answers"); });
  EXPECT_EQ(post("/models", body, "key-1").status, 201) << "the key is free again";
  EXPECT_EQ(post("/models", body, "key-1").response.headers.at("Idempotency-Replayed"), "true");
}

TEST_F(ModelRoutes, ARepeatedKeyGivesTheSameAnswer) {
  const Json body = {{"name", "x"}, {"base_model", "org/repo"}};
  const Answer first = post("/models", body, "key-1");
  EXPECT_EQ(first.status, 201);
  const Answer again = post("/models", body, "key-1");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.json, first.json);
  EXPECT_EQ(again.response.headers.at("Idempotency-Replayed"), "true");
  const Answer other = post("/models", {{"name", "y"}, {"base_model", "org/repo"}}, "key-1");
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(other.code(), "idempotency_key_reused");
  EXPECT_EQ(post("/models", body, "key-2").code(), "model_exists");
  EXPECT_EQ(post("/models", {{"name", "y"}, {"base_model", "org/repo"}}, "key-2").status, 201)
      << "a failure does not use the key up";
  EXPECT_EQ(post("/models", body, "key with spaces").param(), "Idempotency-Key");
  EXPECT_EQ(post("/models", body, std::string(256, 'k')).param(), "Idempotency-Key");
}

}  // namespace
}  // namespace hub::api
