#include "core/hub/backup.h"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/artifacts/stored_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/db/copy.h"
#include "core/db/pool.h"
#include "core/hub/backup_files.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/model_registry.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

constexpr int kPage = 200;

void make_empty_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} holds something already: a backup needs an empty folder", folder.string()),
        "path",
        "folder_not_empty");
  }
  fs::create_directories(folder, error);
  if (error) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot create {}: {}", folder.string(), error.message()));
  }
}

// A file of the data folder that the backup takes; SHA-256 "" where nobody recorded it.
struct Wanted {
  std::string path;  // below the data folder
  std::int64_t size_bytes = 0;
  std::string sha256;
  // Where it lies when it is no blob: a pulled file may be a link into another file system.
  std::string otherwise{};
};

// Everything that the copied database names.
struct Inventory {
  std::map<std::string, Wanted> files;  // by path
  Json versions = Json::array();        // of the store: folder and files, to be linked again
  Json outside = Json::array();         // files of versions and data sets by reference
  std::int64_t version_count = 0;
  std::int64_t total_bytes = 0;

  void want(Wanted file) {
    const auto [at, is_new] = files.emplace(file.path, file);
    total_bytes += is_new ? file.size_bytes : 0;
  }
};

void add_versions(Inventory& inventory, registry::ModelRegistry& models) {
  for (const registry::Version& version : models.versions_with_files()) {
    ++inventory.version_count;
    Json files = Json::array();
    for (const registry::VersionFile& file : version.files) {
      if (version.by_reference) {
        inventory.outside.push_back(
            {{"path", (fs::path(version.folder) / file.name).string()},
             {"size_bytes", file.size_bytes},
             {"sha256", file.sha256}});
        continue;
      }
      files.push_back({{"name", file.name}, {"sha256", file.sha256}});
      inventory.want(
          {blob_path(file.sha256),
           file.size_bytes,
           file.sha256,
           (fs::path(version.folder) / file.name).string()});
    }
    if (!version.by_reference) {
      inventory.versions.push_back({{"folder", version.folder}, {"files", std::move(files)}});
    }
  }
}

void add_datasets(
    Inventory& inventory, registry::DatasetRegistry& datasets, const fs::path& data_folder) {
  std::string after;
  while (true) {
    const auto page = datasets.list(after, kPage);
    for (const registry::Dataset& dataset : page) {
      const fs::path path = data_folder / dataset.path;  // an absolute one stays as it is
      std::vector<fs::path> files{path};
      std::error_code error;
      if (fs::is_directory(path, error)) {
        files.clear();
        for (const auto& entry : fs::directory_iterator(path, error)) {
          files.push_back(entry.path());
        }
      }
      for (const fs::path& file : files) {
        const auto size = fs::file_size(file, error);
        const auto bytes = error ? std::int64_t{0} : static_cast<std::int64_t>(size);
        if (dataset.by_reference) {
          inventory.outside.push_back(
              {{"path", file.string()}, {"size_bytes", bytes}, {"sha256", ""}});
        } else {
          inventory.want({file.lexically_relative(data_folder).string(), bytes, ""});
        }
      }
      after = dataset.id;
    }
    if (page.size() < kPage) {
      return;
    }
  }
}

Inventory take_inventory(
    const fs::path& database, const fs::path& data_folder, const base::Clock& clock) {
  db::Pool copy(database, 1);
  registry::ModelRegistry models(copy, clock);
  registry::DatasetRegistry datasets(copy, clock);
  Inventory inventory;
  add_versions(inventory, models);
  add_datasets(inventory, datasets, data_folder);
  return inventory;
}

// Puts the files into the backup one by one.
class FileTaker {
 public:
  FileTaker(
      const fs::path& data_folder,
      const fs::path& folder,
      BackupArtifacts how,
      std::int64_t total_bytes,
      const BackupProgress& progress,
      BackupReport& report)
      : data_folder_(data_folder),
        folder_(folder),
        how_(how),
        total_bytes_(total_bytes),
        progress_(progress),
        report_(report) {}

  // What backup.json says of it.
  std::optional<Json> take(const Wanted& wanted) {
    const fs::path source = source_of(wanted);
    const fs::path target = folder_ / "files" / wanted.path;
    Json entry = {
        {"path", wanted.path},
        {"size_bytes", wanted.size_bytes},
        {"sha256", wanted.sha256},
        {"stored", "copy"}};
    const artifacts::StoredFile recorded{wanted.path, wanted.size_bytes, wanted.sha256};
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (how_ == BackupArtifacts::kCopy || wanted.sha256.empty()) {
      std::string sha256;
      if (const auto problem = copy_checked(source, target, recorded, sha256, counter())) {
        report_.missing.push_back(*problem);
        return std::nullopt;
      }
      entry["sha256"] = sha256;
      ++report_.copied;
    } else {
      const auto look = artifacts::glance_at(source, recorded);
      if (look.glance == artifacts::Glance::kWrong) {
        report_.missing.push_back(look.problem);
        return std::nullopt;
      }
      fs::create_hard_link(source, target, error);
      entry["stored"] = error ? "reference" : "link";
      if (error) {
        entry["source"] = source.string();
      }
      ++(error ? report_.referenced : report_.linked);
    }
    ++report_.files;
    report_.size_bytes += wanted.size_bytes;
    done_ += wanted.size_bytes;
    return entry;
  }

 private:
  [[nodiscard]] fs::path source_of(const Wanted& wanted) const {
    std::error_code error;
    const fs::path blob = data_folder_ / wanted.path;
    if (fs::exists(blob, error) || wanted.otherwise.empty()) {
      return blob;
    }
    const fs::path file = fs::canonical(data_folder_ / wanted.otherwise, error);
    return error ? blob : file;
  }

  [[nodiscard]] artifacts::ReadProgress counter() const {
    return
        [this](std::int64_t bytes) { return !progress_ || progress_(done_ + bytes, total_bytes_); };
  }

  const fs::path& data_folder_;
  const fs::path& folder_;
  const BackupArtifacts how_;
  const std::int64_t total_bytes_;
  const BackupProgress& progress_;
  BackupReport& report_;
  std::int64_t done_ = 0;
};

BackupReport fill(
    const fs::path& data_folder,
    const fs::path& folder,
    BackupArtifacts how,
    const base::Clock& clock,
    const BackupProgress& progress) {
  BackupReport report;
  report.folder = folder;
  const std::string made_at = base::rfc3339(clock.now_ms());
  const fs::path database = folder / "hub.db";
  db::copy_database(data_folder / "hub.db", database);
  db::check_database(database);
  Inventory inventory = take_inventory(database, data_folder, clock);
  report.versions = inventory.version_count;
  FileTaker taker(data_folder, folder, how, inventory.total_bytes, progress, report);
  Json files = Json::array();
  for (const auto& [path, wanted] : inventory.files) {
    if (auto entry = taker.take(wanted)) {
      files.push_back(*std::move(entry));
    }
  }
  const Json manifest = {
      {"format", kBackupFormat},
      {"schema", kBackupSchema},
      {"made_at", made_at},
      {"hub_version", HUB_VERSION},
      {"artifacts", how == BackupArtifacts::kCopy ? "copy" : "reference"},
      {"database", {{"sha256", base::sha256_file(database)}}},
      {"files", std::move(files)},
      {"versions", std::move(inventory.versions)},
      {"outside", std::move(inventory.outside)},
      {"missing", report.missing}};
  // Last: a folder without it is no backup.
  base::write_file_atomically(folder / kBackupManifest, manifest.dump(1) + "\n");
  return report;
}

}  // namespace

BackupReport make_backup(
    const fs::path& data_folder,
    const fs::path& folder,
    BackupArtifacts artifacts,
    const base::Clock& clock,
    const BackupProgress& progress) {
  make_empty_folder(folder);
  try {
    return fill(data_folder, folder, artifacts, clock, progress);
  } catch (...) {
    std::error_code ignored;
    for (const char* name : {"hub.db", "hub.db-wal", "hub.db-shm", "files", "backup.json"}) {
      fs::remove_all(folder / name, ignored);
    }
    fs::remove(folder, ignored);
    throw;
  }
}

Json to_json(const BackupReport& report) {
  return {
      {"path", report.folder.string()},
      {"versions", report.versions},
      {"files", report.files},
      {"size_bytes", report.size_bytes},
      {"copied", report.copied},
      {"linked", report.linked},
      {"referenced", report.referenced},
      {"missing", report.missing}};
}

}  // namespace hub::hub
