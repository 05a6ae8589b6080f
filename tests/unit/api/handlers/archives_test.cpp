#include <fstream>

#include <gmock/gmock.h>

#include "core/artifacts/tar_file.h"
#include "core/base/file.h"
#include "core/hub/model_archive.h"
#include "tests/support/storage.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using artifacts::TarReader;
using artifacts::TarWriter;
using base::Json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// An archive as entries, to be changed and written again.
struct Entries {
  std::vector<std::pair<std::string, std::string>> files;

  Json manifest() const { return Json::parse(files.at(0).second); }
  void set_manifest(const Json& manifest) { files.at(0).second = manifest.dump(); }
};

class ArchiveRoutes : public test::HandlerFixture {
 protected:
  ArchiveRoutes() {
    fs::create_directories(other_config().data_dir);
    other = std::make_unique<hub::Hub>(other_config());
    other_router = std::make_unique<Router>(registry_routes(*other));
  }

  hub::Config other_config() const {
    hub::Config made = config(files);
    made.data_dir = files.path() / "other";
    made.allow_paths = {files.path()};
    return made;
  }

  std::string exported(const std::string& model) {
    const Answer answer = get("/models/" + model + "/archive");
    EXPECT_EQ(answer.status, 200) << answer.response.body;
    EXPECT_EQ(answer.response.headers.at("Content-Type"), "application/x-tar");
    test::Recorder recorder;
    answer.response.stream(recorder);
    return recorder.text;
  }

  Entries entries_of(const std::string& archive) {
    Entries entries;
    TarReader reader(files.write("read.tar", archive));
    while (const auto entry = reader.next()) {
      entries.files.emplace_back(entry->name, reader.read_all(1U << 24U));
    }
    return entries;
  }

  static std::string archive_of(const Entries& entries) {
    std::string bytes;
    TarWriter writer([&](std::string_view piece) {
      bytes += piece;
      return true;
    });
    for (const auto& [name, content] : entries.files) {
      writer.add(name, content);
    }
    writer.finish();
    return bytes;
  }

  // Imports into the other hub.
  Answer import(const std::string& archive, const std::string& name = {}) {
    Json body = {{"path", files.write("in.tar", archive).string()}};
    if (!name.empty()) {
      body["name"] = name;
    }
    Request made = request("POST", "/models/import");
    made.body = body.dump();
    Answer answer;
    const auto match = other_router->match("POST", "/models/import");
    answer.response = api::answer(match.route->handler, made);
    answer.status = answer.response.status;
    answer.json = Json::parse(answer.response.body);
    return answer;
  }

  // Refused with 422, and nothing is left of it.
  std::string refused(const std::string& archive) {
    const Answer answer = import(archive);
    EXPECT_EQ(answer.status, 422) << answer.response.body;
    EXPECT_THAT(other->catalog.models({}).entries, IsEmpty());
    EXPECT_TRUE(fs::is_empty(other->config.data_dir / "artifacts"));
    EXPECT_THAT(other->artifacts.loose_blobs(), IsEmpty());
    for (const auto& entry : fs::recursive_directory_iterator(other->config.data_dir / "blobs")) {
      EXPECT_FALSE(entry.is_regular_file()) << entry.path();
    }
    return answer.message();
  }

  std::unique_ptr<hub::Hub> other;
  std::unique_ptr<Router> other_router;
};

TEST_F(ArchiveRoutes, ARoundTripGivesTheSameModel) {
  add_model("tiny");
  post(
      "/models/tiny/versions",
      {{"path", model_folder("second", 2).string()}, {"metrics", {{"eval_loss", 1.25}}}});
  const Json third =
      post("/models/tiny/versions", {{"path", model_folder("third", 3).string()}}).json;
  with_body("PATCH", "/models/tiny", R"({"tags":{"task":"chat"},"description":"small"})");
  with_body("PUT", "/models/tiny/aliases/production", R"({"version":2})");
  ASSERT_EQ(del("/versions/" + third["id"].get<std::string>()).status, 204);
  const Json before = get("/models/tiny").json;

  const Answer made = import(exported("tiny"));
  ASSERT_EQ(made.status, 201) << made.response.body;
  EXPECT_EQ(made.json["tags"], before["tags"]);
  EXPECT_EQ(made.json["description"], "small");
  EXPECT_EQ(made.json["aliases"], before["aliases"]);
  ASSERT_EQ(made.json["versions"].size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(made.json["versions"][i]["version"], before["versions"][i]["version"]);
    EXPECT_EQ(made.json["versions"][i]["digest"], before["versions"][i]["digest"]);
  }
  const auto version = other->models.get_version(made.json["versions"][0]["id"].get<std::string>());
  EXPECT_EQ(Json::parse(version.metrics_json)["eval_loss"], 1.25);
  EXPECT_THAT(other->integrity.verify(version.id).problems, IsEmpty());
  EXPECT_NO_THROW(other->integrity.check_before_load(version.id));
  EXPECT_THAT(other->artifacts.loose_blobs(), IsEmpty());

  EXPECT_EQ(import(exported("tiny")).code(), "model_exists");
  EXPECT_EQ(import(exported("tiny"), "again").json["name"], "again");
  EXPECT_EQ(import(exported("tiny"), "a b").param(), "name");
}

TEST_F(ArchiveRoutes, APendingModelTravelsWithoutFiles) {
  post("/models", {{"name", "later"}, {"base_model", "org/repo"}});
  const Answer made = import(exported("later"));
  EXPECT_EQ(made.json["state"], "pending") << made.response.body;
  EXPECT_EQ(made.json["base_model"], "org/repo");
}

TEST_F(ArchiveRoutes, AnAdapterNeedsItsBaseByDigest) {
  const Json base = add_model("tiny");
  post("/models", {{"name", "facts"}, {"base_model", "org/facts"}});
  ASSERT_EQ(
      post(
          "/models/facts/versions",
          {{"path",
            adapter_folder("adapter", base["versions"][0]["digest"].get<std::string>()).string()},
           {"base", "tiny"}})
          .status,
      201);
  const std::string archive = exported("facts");
  EXPECT_THAT(
      refused(archive),
      AllOf(HasSubstr("'tiny'"), HasSubstr(base["versions"][0]["digest"].get<std::string>())));
  EXPECT_EQ(import(archive).code(), "base_missing");
  ASSERT_EQ(import(exported("tiny"), "renamed").status, 201);
  const Answer made = import(archive);
  ASSERT_EQ(made.status, 201) << made.response.body;
  EXPECT_EQ(
      other->catalog.version(made.json["versions"][0]["id"].get<std::string>()).base->model,
      "renamed");
  EXPECT_EQ(other->resolver.resolve("facts").base.model_name, "renamed");
}

TEST_F(ArchiveRoutes, EntriesThatTheManifestDoesNotListAreRefused) {
  add_model("tiny");
  const Entries good = entries_of(exported("tiny"));
  Entries more = good;
  more.files.emplace_back("files/../../../evil", "x");
  EXPECT_THAT(refused(archive_of(more)), HasSubstr("\"files/../../../evil\" is not listed"));
  more = good;
  more.files.emplace_back("/etc/passwd", "x");
  EXPECT_THAT(refused(archive_of(more)), HasSubstr("is not listed"));
  more = good;
  more.files.push_back(good.files.back());
  EXPECT_THAT(refused(archive_of(more)), HasSubstr("comes twice"));
  Entries fewer = good;
  fewer.files.pop_back();
  EXPECT_THAT(refused(archive_of(fewer)), HasSubstr("is missing"));
  Entries headless = good;
  headless.files.erase(headless.files.begin());
  EXPECT_THAT(refused(archive_of(headless)), HasSubstr("first entry must be manifest.json"));
}

TEST_F(ArchiveRoutes, ChangedBytesAreRefused) {
  add_model("tiny");
  const Entries good = entries_of(exported("tiny"));
  Entries flipped = good;
  flipped.files.back().second.back() ^= 1;
  EXPECT_THAT(refused(archive_of(flipped)), HasSubstr("it is damaged"));
  Entries longer = good;
  longer.files.back().second += "x";
  EXPECT_THAT(refused(archive_of(longer)), HasSubstr("bytes, manifest.json says"));
  std::string cut = archive_of(good);
  cut.resize(cut.size() - 1700);
  EXPECT_THAT(refused(cut), AllOf(HasSubstr("archive"), HasSubstr("in.tar")));
  EXPECT_THAT(refused("this is no archive at all"), HasSubstr("tar archive"));
}

TEST_F(ArchiveRoutes, AManifestIsNotBelieved) {
  add_model("tiny");
  const Entries good = entries_of(exported("tiny"));
  const auto with = [&](const std::function<void(Json&)>& change) {
    Entries entries = good;
    Json manifest = good.manifest();
    change(manifest);
    entries.set_manifest(manifest);
    return refused(archive_of(entries));
  };
  EXPECT_THAT(
      with([](Json& m) { m["versions"][0]["files"][0]["name"] = "../../evil.json"; }),
      HasSubstr("no plain name"));
  EXPECT_THAT(
      with([](Json& m) { m["versions"][0]["files"][0]["name"] = "evil.py"; }),
      HasSubstr("no plain name"));
  EXPECT_THAT(
      with([](Json& m) { m["versions"][0]["files"][0]["name"] = "model.safetensors"; }),
      HasSubstr("twice"));
  EXPECT_THAT(
      with([](Json& m) { m["versions"][0]["digest"] = std::string(64, '0'); }),
      HasSubstr("have digest"));
  EXPECT_THAT(with([](Json& m) { m["versions"][0]["digest"] = "x"; }), HasSubstr("SHA-256"));
  EXPECT_THAT(with([](Json& m) { m["versions"][0]["version"] = 0; }), HasSubstr("version"));
  EXPECT_THAT(with([](Json& m) { m["files"][0]["size_bytes"] = 1; }), HasSubstr("'files'"));
  EXPECT_THAT(with([](Json& m) { m["files"].erase(0); }), HasSubstr("does not list"));
  EXPECT_THAT(with([](Json& m) { m["aliases"]["latest"] = 1; }), HasSubstr("latest"));
  EXPECT_THAT(with([](Json& m) { m["aliases"]["production"] = 7; }), HasSubstr("ready version"));
  EXPECT_THAT(with([](Json& m) { m["schema"] = 2; }), HasSubstr("newer"));
  EXPECT_THAT(with([](Json& m) { m["format"] = "zip"; }), HasSubstr("'format'"));
  EXPECT_THAT(with([](Json& m) { m.erase("model"); }), HasSubstr("'model'"));
  EXPECT_THAT(with([](Json& m) { m["model"]["name"] = "a/b"; }), HasSubstr("model.name"));
}

TEST_F(ArchiveRoutes, WhatIsDamagedIsNotExported) {
  const Json model = add_model("tiny");
  const std::string id = model["versions"][0]["id"];
  const fs::path file =
      hub.artifacts.absolute(hub.models.get_version(id).folder) / "model.safetensors";
  const std::string bytes = base::read_file(file);
  // Found while it is written: the stream breaks off.
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::string flipped = bytes;
  flipped.back() ^= 1;
  std::ofstream(file, std::ios::binary) << flipped;
  test::Recorder recorder;
  const Answer answer = get("/models/tiny/archive");
  EXPECT_EQ(test::thrown_by([&] { answer.response.stream(recorder); }).reason, "model_corrupt");
  // Seen beforehand.
  fs::resize_file(file, 10);
  EXPECT_EQ(get("/models/tiny/archive").code(), "model_corrupt");
  EXPECT_EQ(get("/models/none/archive").code(), "model_not_found");
}

}  // namespace
}  // namespace hub::api
