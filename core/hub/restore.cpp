#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/db/copy.h"
#include "core/db/migrations.h"
#include "core/db/pool.h"
#include "core/hub/backup.h"
#include "core/hub/backup_files.h"
#include "core/registry/model_registry.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

// What a restore puts into the data folder; moved aside first where it is there.
constexpr std::array<std::string_view, 6> kParts{
    "hub.db", "hub.db-wal", "hub.db-shm", "artifacts", "blobs", "datasets"};
constexpr std::string_view kStage = ".restore-";

[[noreturn]] void unusable(const fs::path& folder, const std::string& why) {
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format("the backup {} cannot be restored: {}", folder.string(), why),
      {},
      "backup_damaged");
}

Json read_manifest(const fs::path& folder) {
  if (!fs::exists(folder / kBackupManifest)) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format(
            "{} holds no {}: it is no backup, or one that was not finished",
            folder.string(),
            kBackupManifest));
  }
  try {
    Json manifest =
        base::parse_json(base::read_file(folder / kBackupManifest, 1ULL << 30U), kBackupManifest);
    const JsonReader reader(manifest);
    if (reader.string("format") != kBackupFormat) {
      unusable(folder, fmt::format("'format' must be {}", kBackupFormat));
    }
    if (reader.optional_int("schema", 1, 1 << 20).value_or(0) > kBackupSchema) {
      unusable(folder, "it was made by a newer MLX Model Hub");
    }
    return manifest;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnprocessable) {
      throw;
    }
    unusable(folder, error.what());
  }
}

// A path of the manifest that stays inside one of `tops`: nobody may restore to elsewhere.
bool is_inside(const fs::path& path, std::initializer_list<std::string_view> tops) {
  return !path.empty() && path.is_relative() && path == path.lexically_normal() &&
         std::none_of(
             path.begin(), path.end(), [](const fs::path& part) { return part == ".."; }) &&
         std::find(tops.begin(), tops.end(), path.begin()->string()) != tops.end();
}

// What a data folder holds besides the lock and what restores leave.
std::vector<std::string> contents(const fs::path& data_folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name != "lock" && !name.starts_with(kStage)) {
      names.push_back(name);
    }
  }
  return names;
}

void refuse_full_folder(const fs::path& data_folder) {
  const auto names = contents(data_folder);
  if (!names.empty()) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "the data folder {} is not empty ({}…): restore into another with --data-dir, or use "
            "--force, which moves what is there into a folder beside",
            data_folder.string(),
            names.front()),
        {},
        "folder_not_empty");
  }
}

// The data folder as it will be, laid out in a folder inside it.
class Stage {
 public:
  Stage(const fs::path& folder, const fs::path& data_folder, const Json& manifest)
      : folder_(folder),
        path_(data_folder / (std::string(kStage) + base::new_id())),
        manifest_(manifest) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) {
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format("cannot create {}: {}", path_.string(), error.message()));
    }
  }
  ~Stage() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void take_database() {
    const fs::path source = folder_ / "hub.db";
    const Json* described = JsonReader(manifest_).optional_object("database");
    const std::string sha256 =
        described != nullptr ? JsonReader(*described, "database").string("sha256") : "";
    artifacts::StoredFile recorded{"hub.db", 0, sha256};
    std::error_code error;
    recorded.size_bytes = static_cast<std::int64_t>(fs::file_size(source, error));
    std::string unused;
    if (auto problem = copy_checked(source, path_ / "hub.db", recorded, unused, {})) {
      unusable(folder_, *problem);
    }
    db::check_database(path_ / "hub.db");
    db::refuse_unknown_schema(path_ / "hub.db");
  }

  void take_files(RestoreReport& report, const BackupProgress& progress) {
    std::int64_t total = 0;
    for (const Json& file : list("files")) {
      total += JsonReader(file, "files").optional_int("size_bytes", 0, INT64_MAX).value_or(0);
    }
    std::int64_t done = 0;
    for (const Json& file : list("files")) {
      const JsonReader reader(file, "files");
      const artifacts::StoredFile recorded{
          reader.string("path"),
          reader.optional_int("size_bytes", 0, INT64_MAX).value_or(0),
          reader.string("sha256")};
      if (!is_inside(recorded.name, {"blobs", "datasets"})) {
        unusable(folder_, fmt::format("it names the path \"{}\"", recorded.name.substr(0, 200)));
      }
      const fs::path source = reader.string("stored") == "reference"
                                  ? fs::path(reader.string("source"))
                                  : folder_ / "files" / recorded.name;
      fs::create_directories((path_ / recorded.name).parent_path());
      std::string unused;
      const auto counted = [&](std::int64_t bytes) {
        return !progress || progress(done + bytes, total);
      };
      if (auto problem = copy_checked(source, path_ / recorded.name, recorded, unused, counted)) {
        report.missing.push_back(*std::move(problem));
      } else {
        fs::permissions(path_ / recorded.name, fs::perms(0444));
        ++report.files;
        report.size_bytes += recorded.size_bytes;
      }
      done += recorded.size_bytes;
    }
  }

  // The versions' folders, of links to the blobs.
  void link_versions(RestoreReport& report) {
    for (const Json& version : list("versions")) {
      const JsonReader reader(version, "versions");
      const std::string folder = reader.string("folder");
      if (!is_inside(folder, {"artifacts"})) {
        unusable(folder_, fmt::format("it names the folder \"{}\"", folder.substr(0, 200)));
      }
      fs::create_directories(path_ / folder);
      bool whole = true;
      const Json* files = reader.optional_array("files");
      for (const Json& file : files != nullptr ? *files : Json::array()) {
        const JsonReader one(file, "versions.files");
        const std::string name = one.string("name");
        if (fs::path(name).filename().string() != name || name == ".." || name == ".") {
          unusable(folder_, fmt::format("it names the file \"{}\"", name.substr(0, 200)));
        }
        std::error_code error;
        fs::create_hard_link(path_ / blob_path(one.string("sha256")), path_ / folder / name, error);
        whole = whole && !error;
      }
      if (!whole) {
        report.damaged_versions.push_back(folder);
      }
    }
    for (const Json& file : list("outside")) {
      const JsonReader reader(file, "outside");
      std::error_code error;
      if (!fs::exists(reader.string("path"), error)) {
        report.missing.push_back(
            fmt::format("{} is missing: it lies outside the data folder", reader.string("path")));
      }
    }
  }

  // Everything of the stage gets its place; the database last.
  void move_into(const fs::path& data_folder) {
    for (auto part = kParts.rbegin(); part != kParts.rend(); ++part) {
      if (fs::exists(path_ / *part)) {
        fs::rename(path_ / *part, data_folder / *part);
      }
    }
    base::sync_path(data_folder);
  }

 private:
  [[nodiscard]] const Json& list(const char* key) const {
    static const Json none = Json::array();
    const Json* found = JsonReader(manifest_).optional_array(key);
    return found != nullptr ? *found : none;
  }

  const fs::path& folder_;
  const fs::path path_;
  const Json& manifest_;
};

fs::path move_aside(const fs::path& data_folder, std::int64_t now_ms) {
  const fs::path aside = data_folder / fmt::format("replaced-{}", now_ms);
  bool moved = false;
  for (const std::string_view part : kParts) {
    if (fs::exists(data_folder / part)) {
      fs::create_directories(aside);
      fs::rename(data_folder / part, aside / part);
      moved = true;
    }
  }
  return moved ? aside : fs::path();
}

// Versions that lack files say so instead of failing later.
void mark_damaged(
    const fs::path& data_folder,
    const std::vector<std::string>& folders,
    const base::Clock& clock) {
  if (folders.empty()) {
    return;
  }
  const std::set<std::string> damaged(folders.begin(), folders.end());
  db::migrate(data_folder / "hub.db", clock.now_ms());
  db::Pool pool(data_folder / "hub.db", 1);
  registry::ModelRegistry models(pool, clock);
  for (const registry::Version& version : models.versions_with_files()) {
    if (damaged.contains(version.folder)) {
      models.set_state(
          version.id,
          registry::VersionState::kCorrupt,
          "files were missing when a backup was restored");
    }
  }
}

}  // namespace

RestoreReport restore_backup(
    const fs::path& folder,
    const fs::path& data_folder,
    bool force,
    const base::Clock& clock,
    const BackupProgress& progress) {
  const Json manifest = read_manifest(folder);
  if (!force) {
    refuse_full_folder(data_folder);
  }
  RestoreReport report;
  try {
    report.made_at = JsonReader(manifest).optional_string("made_at").value_or("");
    Stage stage(folder, data_folder, manifest);
    stage.take_database();
    stage.take_files(report, progress);
    stage.link_versions(report);
    report.replaced = move_aside(data_folder, clock.now_ms());
    stage.move_into(data_folder);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kUnavailable, fmt::format("cannot restore: {}", error.code().message()));
  }
  mark_damaged(data_folder, report.damaged_versions, clock);
  return report;
}

Json to_json(const RestoreReport& report) {
  return {
      {"made_at", report.made_at},
      {"files", report.files},
      {"size_bytes", report.size_bytes},
      {"missing", report.missing},
      {"damaged_versions", report.damaged_versions},
      {"replaced", report.replaced.empty() ? Json(nullptr) : Json(report.replaced.string())}};
}

}  // namespace hub::hub
