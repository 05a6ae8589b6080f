#include "api/handlers/imports.h"

#include <chrono>
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "core/base/clock.h"
#include "tests/support/gguf_builder.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ImportRoutes : public test::HandlerFixture {
 protected:
  Json imports() {
    const Answer answer = get("/imports");
    EXPECT_EQ(answer.status, 200) << answer.response.body;
    EXPECT_EQ(answer.json["next_cursor"], nullptr);
    return answer.json["data"];
  }

  // Makes the call on a second thread and keeps it from writing its rows until it is through with
  // the files. Its last row in the list; its answer must be 201.
  Json last_row_of(const std::string& target, const Json& body) {
    std::future<Answer> answer;
    Json row;
    hub.database.write([&](db::Connection&) {
      answer = std::async(std::launch::async, [&] { return post(target, body); });
      for (const double end = base::steady_seconds() + 60; base::steady_seconds() < end;) {
        const Json rows = imports();
        if (!rows.empty()) {
          row = rows[0];
          if (row["stage"] == "verifying" && row["done_bytes"] == row["total_bytes"]) {
            return;
          }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ADD_FAILURE() << "it did not get to its rows: " << row.dump();
    });
    const Answer made = answer.get();
    EXPECT_EQ(made.status, 201) << made.response.body;
    return row;
  }

  // The registered model's, in a folder that the hub may read.
  std::filesystem::path archive_of(const std::string& model) {
    test::Recorder recorder;
    get("/models/" + model + "/archive").response.stream(recorder);
    return files.write("data/imports/in.tar", recorder.text);
  }
};

TEST_F(ImportRoutes, ARunningImportIsListed) {
  EXPECT_THAT(imports(), IsEmpty());
  {
    hub::ImportTable::Entry entry(hub.imports, "request-1", "mine", "/models/mine.gguf");
    entry.report(hub::ImportStage::kConverting, 5, 20);
    const Json rows = imports();
    ASSERT_THAT(rows, SizeIs(1));
    const Json& row = rows[0];
    const std::string started = row["started_at"];
    EXPECT_EQ(started, base::rfc3339(hub.imports.list()[0].started_at_ms));
    EXPECT_EQ(
        row,
        (Json{
            {"request_id", "request-1"},
            {"name", "mine"},
            {"source", "mine.gguf"},
            {"stage", "converting"},
            {"done_bytes", 5},
            {"total_bytes", 20},
            {"started_at", started}}));
  }
  EXPECT_THAT(imports(), IsEmpty());
}

TEST_F(ImportRoutes, AnArchivesNameMayNotBeKnownYet) {
  const hub::ImportTable::Entry entry(hub.imports, "request-1", "", "in.tar");
  EXPECT_EQ(imports()[0]["name"], nullptr);
}

TEST_F(ImportRoutes, TakesNoQuery) {
  const Answer answer = get("/imports?state=x");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.param(), "state");
}

TEST_F(ImportRoutes, AFolderIsFollowedToItsEnd) {
  const auto folder = model_folder("tiny");
  const Json row = last_row_of("/models", {{"name", "tiny"}, {"base_model", folder.string()}});
  EXPECT_EQ(row["request_id"], "test");
  EXPECT_EQ(row["name"], "tiny");
  EXPECT_EQ(row["source"], "tiny");
  EXPECT_GT(row["total_bytes"], 0);
  EXPECT_THAT(imports(), IsEmpty());
}

TEST_F(ImportRoutes, SoAreAFolderInItsPlaceAndANewVersion) {
  const auto folder = model_folder("here");
  const Json body = {{"name", "here"}, {"base_model", folder.string()}, {"storage", "reference"}};
  EXPECT_EQ(last_row_of("/models", body)["name"], "here");
  const Json path = {{"path", model_folder("more", 2).string()}};
  EXPECT_EQ(last_row_of("/models/here/versions", path)["source"], "more");
}

TEST_F(ImportRoutes, AndAGgufFile) {
  const auto file = files.write("data/imports/tiny.gguf", test::tiny_gguf().build());
  const Json row = last_row_of("/models", {{"name", "tiny"}, {"base_model", file.string()}});
  EXPECT_EQ(row["source"], "tiny.gguf");
}

TEST_F(ImportRoutes, AndAnArchive) {
  add_model("tiny");
  const auto file = archive_of("tiny");
  ASSERT_EQ(del("/models/tiny").status, 204);
  const Json row = last_row_of("/models/import", {{"path", file.string()}});
  EXPECT_EQ(row["name"], "tiny") << "the archive's own, once it is read";
  EXPECT_EQ(row["source"], "in.tar");
}

// A client that is gone wants nothing any more.
TEST_F(ImportRoutes, ACancelledImportLeavesNothing) {
  add_model("base");
  const std::string archive = archive_of("base").string();
  const std::string folder = model_folder("folder", 2).string();
  const std::string gguf = files.write("data/imports/x.gguf", test::tiny_gguf().build()).string();
  for (const auto& [target, body] : std::vector<std::pair<std::string, Json>>{
           {"/models", {{"name", "x"}, {"base_model", folder}}},
           {"/models", {{"name", "x"}, {"base_model", gguf}}},
           {"/models/base/versions", {{"path", folder}}},
           {"/models/import", {{"path", archive}, {"name", "x"}}}}) {
    Request made = request("POST", target);
    made.body = body.dump();
    made.headers["Content-Type"] = "application/json";
    *made.cancelled = true;
    const Answer answer = send(made);
    EXPECT_GE(answer.status, 400) << answer.response.body;
    EXPECT_THAT(answer.response.body, HasSubstr("stopped")) << target << body;
    EXPECT_EQ(get("/models/x").status, 404);
    EXPECT_THAT(hub.artifacts.loose_blobs(), IsEmpty()) << target << body;
    EXPECT_THAT(imports(), IsEmpty());
  }
  EXPECT_THAT(get("/models/base").json["versions"], SizeIs(1));
}

}  // namespace
}  // namespace hub::api
