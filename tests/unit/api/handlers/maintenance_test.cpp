#include "api/handlers/maintenance.h"

#include <fstream>

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "core/db/database.h"
#include "core/hub/backup.h"
#include "core/jobs/job_queue.h"
#include "tests/support/storage.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class MaintenanceRoutes : public test::HandlerFixture {
 protected:
  fs::path data() const { return hub.config.data_dir; }
  std::string version_id(const Json& model) { return model["versions"][0]["id"]; }
  fs::path file_of(const std::string& version, const char* name = "model.safetensors") {
    return hub.artifacts.absolute(hub.models.get_version(version).folder) / name;
  }
  static void overwrite(const fs::path& file, const std::string& bytes) {
    fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(file, std::ios::binary) << bytes;
  }
  static std::string flipped(const fs::path& file) {
    std::string bytes = base::read_file(file);
    bytes.back() ^= 1;
    return bytes;
  }
  std::string state_of(const std::string& version) {
    return get("/versions/" + version).json["state"];
  }
  // The types of all events of a version.
  std::vector<std::string> last_event(const std::string& version) {
    const auto events = hub.events.after(0, version, 100);
    const Json event = Json::parse(events.back().to_json());
    return {event["type"], event["data"]["state"]};
  }
};

TEST_F(MaintenanceRoutes, AFlippedByteIsFoundBeforeLoading) {
  const std::string id = version_id(add_model("tiny"));
  EXPECT_NO_THROW(hub.integrity.check_before_load(id));
  overwrite(file_of(id), flipped(file_of(id)));
  const auto thrown = test::thrown_by([&] { hub.integrity.check_before_load(id); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnprocessable);
  EXPECT_EQ(thrown.reason, "model_corrupt");
  EXPECT_THAT(thrown.message, HasSubstr("model.safetensors has SHA-256"));
  EXPECT_EQ(state_of(id), "corrupt");
  EXPECT_THAT(last_event(id), testing::ElementsAre("version.updated", "corrupt"));
  EXPECT_EQ(
      test::thrown_by([&] { hub.resolver.resolve("tiny"); }).code, base::ErrorCode::kUnprocessable);
}

TEST_F(MaintenanceRoutes, ATouchedFileIsReadOnceAndServed) {
  const std::string id = version_id(add_model("tiny"));
  const auto later = fs::file_time_type::clock::now() + std::chrono::seconds(60);
  fs::last_write_time(file_of(id), later);
  const auto before = hub.models.get_version(id).files;
  EXPECT_NO_THROW(hub.integrity.check_before_load(id));
  EXPECT_NE(hub.models.get_version(id).files[1].mtime_ns, before[1].mtime_ns);
  EXPECT_EQ(state_of(id), "ready");
}

TEST_F(MaintenanceRoutes, EveryMissingOrTruncatedFileIsNamed) {
  const std::string id = version_id(add_model("tiny"));
  fs::remove(file_of(id, "config.json"));
  overwrite(file_of(id), "short");
  const auto thrown = test::thrown_by([&] { hub.integrity.check_before_load(id); });
  EXPECT_THAT(
      thrown.message,
      AllOf(
          HasSubstr("config.json is missing"),
          HasSubstr("model.safetensors has 5 bytes, recorded were")));
}

TEST_F(MaintenanceRoutes, VerifyReadsEverythingAndMendsTheState) {
  const std::string id = version_id(add_model("tiny"));
  const Answer sound = post("/versions/" + id + "/verify", Json::object());
  ASSERT_EQ(sound.status, 200) << sound.response.body;
  EXPECT_THAT(sound.json["problems"], IsEmpty());
  EXPECT_TRUE(sound.json["verified_at"].is_string());
  EXPECT_GT(sound.json["bytes_read"], 0);

  // Not visible to a look: the time is set back.
  const auto time = fs::last_write_time(file_of(id));
  const std::string good = base::read_file(file_of(id));
  overwrite(file_of(id), flipped(file_of(id)));
  fs::last_write_time(file_of(id), time);
  EXPECT_NO_THROW(hub.integrity.check_before_load(id));
  const Answer bad = post("/versions/" + id + "/verify", Json::object());
  EXPECT_EQ(bad.json["state"], "corrupt");
  EXPECT_THAT(bad.json["problems"], SizeIs(1));
  overwrite(file_of(id), good);
  EXPECT_EQ(post("/versions/" + id + "/verify", Json::object()).json["state"], "ready");
  EXPECT_EQ(state_of(id), "ready");

  const std::string pending =
      version_id(post("/models", {{"name", "p"}, {"base_model", "org/p"}}).json);
  EXPECT_EQ(post("/versions/" + pending + "/verify", Json::object()).json["state"], "pending");
  EXPECT_EQ(post("/versions/none/verify", Json::object()).status, 404);
}

TEST_F(MaintenanceRoutes, GarbageIsListedFirstAndThenRemoved) {
  add_model("kept");
  const Json gone = add_model("gone", 2);
  // As a crash leaves them: no row, but files.
  hub.database.write([&](auto&) { hub.models.remove_model("gone"); });
  static_cast<void>(files.write("data/jobs/01900000-0000-7000-8000-000000000001/log.txt", "log"));
  static_cast<void>(
      files.write("data/datasets/01900000-0000-7000-8000-000000000002/train.jsonl", "{}"));
  static_cast<void>(files.write("data/uploads/upload-1", "half an upload"));
  static_cast<void>(files.write("data/blobs/.tmp-1", "half a blob"));
  static_cast<void>(files.write("data/prefixes/no-such-digest/base/a-b.safetensors", "kept"));
  static_cast<void>(files.write("data/jobs/notes.txt", "somebody's own"));

  const auto collect = [&](bool dry_run, int min_age) {
    return post("/gc", {{"dry_run", dry_run}, {"min_age_seconds", min_age}}).json;
  };
  EXPECT_THAT(collect(true, 3600)["data"], IsEmpty()) << "too young to be garbage for sure";
  const Json listed = collect(true, 0);
  std::vector<std::string> kinds;
  for (const Json& item : listed["data"]) {
    kinds.push_back(item["kind"]);
    EXPECT_TRUE(fs::exists(data() / item["path"].get<std::string>())) << item;
    EXPECT_FALSE(item["reason"].get<std::string>().empty());
  }
  // Its config.json is the kept model's, too.
  EXPECT_THAT(
      kinds,
      UnorderedElementsAre(
          "blob",
          "version_folder",
          "job_folder",
          "dataset_folder",
          "upload",
          "half_made",
          "prefixes"));
  EXPECT_TRUE(listed["dry_run"]);
  const std::uintmax_t weights = fs::file_size(data() / "imports/src-gone/model.safetensors");
  EXPECT_EQ(listed["size_bytes"], weights + 3 + 2 + 14 + 11 + 4);

  const Json removed = collect(false, 0);
  EXPECT_EQ(removed["data"], listed["data"]);
  EXPECT_FALSE(removed["dry_run"]);
  for (const Json& item : removed["data"]) {
    EXPECT_FALSE(fs::exists(data() / item["path"].get<std::string>())) << item;
  }
  EXPECT_THAT(collect(true, 0)["data"], IsEmpty());
  EXPECT_TRUE(fs::exists(data() / "jobs/notes.txt"));
  EXPECT_THAT(hub.integrity.verify(version_id(get("/models/kept").json)).problems, IsEmpty());
  EXPECT_EQ(post("/gc", {{"dry_run", 3}}).param(), "dry_run");
  EXPECT_EQ(post("/gc", {{"apply", true}}).code(), "unknown_field");
}

class Backups : public MaintenanceRoutes {
 protected:
  fs::path backup() const { return files.path() / "data/imports/backup"; }
  fs::path target() const { return files.path() / "restored"; }

  Json back_up(const char* how) {
    const Answer answer = post("/backup", {{"path", backup().string()}, {"artifacts", how}});
    EXPECT_EQ(answer.status, 201) << answer.response.body;
    return answer.json;
  }
  hub::RestoreReport restore(bool force = false) {
    fs::create_directories(target());
    return hub::restore_backup(backup(), target(), force, hub.clock);
  }
  // A hub on what was restored.
  std::unique_ptr<hub::Hub> restored() {
    hub::Config made = config(files);
    made.data_dir = target();
    return std::make_unique<hub::Hub>(made);
  }
};

TEST_F(Backups, AreWholeAndCanBeRestoredElsewhere) {
  for (const char* how : {"copy", "reference"}) {
    const std::string name = std::string("tiny-") + how;
    const Json model = add_model(name, 3);
    with_body("PUT", "/models/" + name + "/aliases/production", R"({"version":1})");
    const Json dataset = add_dataset("facts-" + std::string(how));
    const Json report = back_up(how);
    EXPECT_THAT(report["missing"], IsEmpty());
    EXPECT_EQ(report["linked"].get<int>() > 0, std::string(how) == "reference");

    const auto made = restore();
    EXPECT_THAT(made.missing, IsEmpty());
    {
      const auto other = restored();
      const auto entry = other->catalog.model(name);
      EXPECT_EQ(entry.current->digest, model["versions"][0]["digest"].get<std::string>());
      EXPECT_EQ(entry.aliases.at(0).alias, "production");
      EXPECT_THAT(other->integrity.verify(entry.current->id).problems, IsEmpty());
      EXPECT_NO_THROW(other->integrity.check_before_load(entry.current->id));
      const auto found = other->datasets.get("facts-" + std::string(how));
      EXPECT_TRUE(fs::exists(target() / found.path));
    }
    fs::remove_all(target());
    fs::remove_all(backup());
  }
}

TEST_F(Backups, OverwriteNothingUnlessForced) {
  add_model("tiny");
  back_up("copy");
  EXPECT_EQ(post("/backup", {{"path", backup().string()}}).code(), "folder_not_empty");
  static_cast<void>(files.write("restored/hub.db", "precious"));
  EXPECT_EQ(test::thrown_by([&] { restore(); }).reason, "folder_not_empty");
  EXPECT_EQ(base::read_file(target() / "hub.db"), "precious");
  const auto made = restore(true);
  EXPECT_EQ(base::read_file(made.replaced / "hub.db"), "precious");
  EXPECT_TRUE(restored()->models.find_model("tiny"));
}

TEST_F(Backups, ThatAreDamagedAreNotRestored) {
  add_model("tiny");
  back_up("copy");
  const auto expect_refused = [&](const std::string& what) {
    const auto thrown = test::thrown_by([&] { restore(); });
    EXPECT_EQ(thrown.code, base::ErrorCode::kUnprocessable);
    EXPECT_THAT(thrown.message, HasSubstr(what));
    EXPECT_THAT(fs::directory_iterator(target()), fs::directory_iterator()) << "nothing is left";
  };
  const std::string manifest = base::read_file(backup() / "backup.json");
  const auto with = [&](const std::function<void(Json&)>& change) {
    Json changed = Json::parse(manifest);
    change(changed);
    std::ofstream(backup() / "backup.json") << changed.dump();
  };
  with([](Json& m) { m["files"][0]["path"] = "blobs/../../evil"; });
  expect_refused("blobs/../../evil");
  with([](Json& m) { m["files"][0]["path"] = "/etc/evil"; });
  expect_refused("/etc/evil");
  with([](Json& m) { m["versions"][0]["folder"] = "../evil"; });
  expect_refused("../evil");
  with([](Json& m) { m["versions"][0]["files"][0]["name"] = "../evil"; });
  expect_refused("../evil");
  with([](Json& m) { m["schema"] = 9; });
  expect_refused("newer");
  std::ofstream(backup() / "backup.json") << manifest;
  std::ofstream(backup() / "hub.db", std::ios::app) << "x";
  expect_refused("hub.db is damaged");
  fs::remove(backup() / "backup.json");
  EXPECT_EQ(test::thrown_by([&] { restore(); }).code, base::ErrorCode::kNotFound);
}

TEST_F(Backups, SayWhatIsMissingAndMarkIt) {
  const Json model = add_model("tiny");
  back_up("copy");
  for (const auto& entry : fs::recursive_directory_iterator(backup() / "files")) {
    if (entry.is_regular_file() && entry.file_size() > 1000) {
      overwrite(entry.path(), flipped(entry.path()));
    }
  }
  const auto made = restore();
  ASSERT_THAT(made.missing, SizeIs(1));
  EXPECT_THAT(made.missing[0], HasSubstr("is damaged"));
  EXPECT_EQ(restored()->catalog.model("tiny").current->state, registry::VersionState::kCorrupt);
}

TEST_F(Backups, StayInsideTheAllowedFolders) {
  EXPECT_EQ(post("/backup", {{"path", "/etc/backup"}}).code(), "path_not_allowed");
  EXPECT_EQ(post("/backup", {{"path", "backup"}}).param(), "path");
  EXPECT_EQ(post("/backup", {{"path", (data() / "..").string()}}).status, 400);
  EXPECT_EQ(post("/backup", {{"artifacts", "cloud"}}).param(), "artifacts");
  const Answer own = post("/backup", Json::object());
  ASSERT_EQ(own.status, 201) << own.response.body;
  EXPECT_THAT(own.json["path"].get<std::string>(), HasSubstr("backups/"));
}

}  // namespace
}  // namespace hub::api
