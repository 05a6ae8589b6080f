#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/artifacts/blob_writer.h"
#include "core/artifacts/byte_count.h"
#include "core/artifacts/tar_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/archive_manifest.h"
#include "core/hub/model_archive.h"
#include "core/model_config/adapter_check.h"
#include "core/model_config/content_digest.h"
#include "core/model_config/tensor_check.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using Incoming = std::map<std::string, std::unique_ptr<artifacts::BlobWriter>>;

constexpr std::size_t kManifestLimit = 64U << 20U;
constexpr std::string_view kFiles = "files/";

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::kUnprocessable, "the archive is refused: " + why, {}, "archive_invalid");
}

ArchiveManifest read_manifest(artifacts::TarReader& archive) {
  const auto first = archive.next();
  if (!first || first->name != kArchiveManifest || !first->odd.empty()) {
    refuse(
        fmt::format(
            "its first entry must be {}, got {}",
            kArchiveManifest,
            first ? fmt::format("\"{}\" {}", first->name.substr(0, 200), first->odd) : "none"));
  }
  return ArchiveManifest::parse(archive.read_all(kManifestLimit));
}

std::int64_t bytes_of(const ArchiveManifest& manifest) {
  std::int64_t bytes = 0;
  for (const auto& [sha256, size_bytes] : manifest.files) {
    bytes += size_bytes;
  }
  return bytes;
}

void require_space(const artifacts::ArtifactStore& store, const ArchiveManifest& manifest) {
  const std::int64_t wanted = bytes_of(manifest);
  std::error_code error;
  const auto space = fs::space(store.root(), error);
  if (!error && space.available < static_cast<std::uint64_t>(wanted)) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "the archive holds {} MB, but only {} MB are free on the data folder's disk",
            wanted / 1'000'000,
            space.available / 1'000'000),
        {},
        "disk_full");
  }
}

// Every file of the archive, in the store; nothing else may be in it.
Incoming receive_files(
    artifacts::ArtifactStore& store,
    artifacts::TarReader& archive,
    const ArchiveManifest& manifest,
    const ImportWatch& watch) {
  Incoming received;
  const std::int64_t total_bytes = bytes_of(manifest);
  std::int64_t done_bytes = 0;
  while (const auto entry = archive.next()) {
    const std::string shown = entry->name.substr(0, 200);
    if (!entry->odd.empty()) {
      refuse(fmt::format("its entry \"{}\" is {}; only files may be in it", shown, entry->odd));
    }
    const std::string sha256 =
        entry->name.starts_with(kFiles) ? entry->name.substr(kFiles.size()) : "";
    const auto listed = manifest.files.find(sha256);
    if (listed == manifest.files.end()) {
      refuse(fmt::format("its entry \"{}\" is not listed in {}", shown, kArchiveManifest));
    }
    if (received.contains(sha256)) {
      refuse(fmt::format("its entry \"{}\" comes twice", shown));
    }
    if (entry->size_bytes != listed->second) {
      refuse(
          fmt::format(
              "its entry \"{}\" has {} bytes, {} says {}",
              shown,
              entry->size_bytes,
              kArchiveManifest,
              listed->second));
    }
    auto incoming = std::make_unique<artifacts::BlobWriter>(store);
    archive.read([&](std::string_view bytes) {
      incoming->write(bytes);
      done_bytes += static_cast<std::int64_t>(bytes.size());
      tell(watch, ImportStage::kCopying, done_bytes, total_bytes);
    });
    const artifacts::StoredFile kept = incoming->keep(sha256);
    if (kept.sha256 != sha256 || kept.size_bytes != listed->second) {
      refuse(fmt::format("its entry \"{}\" has SHA-256 {}: it is damaged", shown, kept.sha256));
    }
    received[sha256] = std::move(incoming);
  }
  for (const auto& [sha256, size_bytes] : manifest.files) {
    if (!received.contains(sha256)) {
      refuse(fmt::format("its entry \"{}{}\" is missing: it was cut off", kFiles, sha256));
    }
  }
  return received;
}

std::int64_t bytes_of(const ArchiveVersion& version) {
  std::int64_t bytes = 0;
  for (const artifacts::StoredFile& file : version.files) {
    bytes += file.size_bytes;
  }
  return bytes;
}

std::int64_t bytes_to_verify(const ArchiveManifest& manifest) {
  std::int64_t bytes = 0;
  for (const ArchiveVersion& version : manifest.versions) {
    bytes += version.state == registry::VersionState::kReady ? bytes_of(version) : 0;
  }
  return bytes;
}

// The model's rows, version by version, inside one transaction; and the folders that were made.
class Registration {
 public:
  Registration(
      const ArchiveServices& services,
      const ArchiveManifest& manifest,
      std::string name,
      const ArchiveImport& options)
      : with_(services),
        manifest_(manifest),
        name_(std::move(name)),
        id_(base::new_id()),
        options_(options),
        verifying_(watch_stage(options.watch, ImportStage::kVerifying)),
        verified_(verifying_, bytes_to_verify(manifest)) {}

  void run() {
    try {
      // What takes time comes before the transaction.
      for (const ArchiveVersion& version : manifest_.versions) {
        prepare(version);
      }
      const auto rows = [this] {
        std::optional<registry::Model> model;
        with_.database.write([&](auto&) { model = insert(); });
        return *std::move(model);
      };
      if (options_.insert) {
        options_.insert(rows);
      } else {
        rows();
      }
    } catch (...) {
      for (const std::string& tag : tags_) {
        with_.artifacts.remove(id_, tag);
      }
      throw;
    }
  }

 private:
  struct Prepared {
    registry::NewVersion version;
    std::string parent_id;  // in the archive; "" when it comes from elsewhere
    std::string base_id;
  };

  // The version here with a digest, or one of this archive.
  std::optional<registry::Version> here(const std::optional<ArchiveReference>& reference) {
    return reference ? with_.models.find_digest(reference->digest) : std::nullopt;
  }

  void prepare(const ArchiveVersion& archived) {
    registry::NewVersion version;
    version.kind = archived.kind;
    version.state = archived.state;
    version.number = archived.number;
    version.config_json = archived.config_json;
    version.metrics_json = archived.metrics_json;
    version.job_id = archived.job_id;
    version.dataset_id = archived.dataset_id;
    version.dataset_digest = archived.dataset_digest;
    std::optional<registry::Version> base;
    if (archived.kind == registry::VersionKind::kAdapter) {
      base = find_base(archived);
      if (!base->id.empty()) {
        version.base_version_id = base->id;
      }
    }
    if (const auto parent = here(archived.parent)) {
      version.parent_version_id = parent->id;
    }
    if (archived.state == registry::VersionState::kReady) {
      store(archived, base, version);
    }
    prepared_.push_back(
        {std::move(version),
         archived.parent ? archived.parent->version_id : std::string(),
         archived.base ? archived.base->version_id : std::string()});
  }

  registry::Version find_base(const ArchiveVersion& archived) {
    for (std::size_t i = 0; i < prepared_.size() && archived.base; ++i) {
      if (manifest_.versions[i].version_id == archived.base->version_id) {
        registry::Version base;  // not a row yet
        base.digest = prepared_[i].version.digest;
        base.folder = prepared_[i].version.folder;
        return base;
      }
    }
    auto base = here(archived.base);
    if (!base) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "version {} is an adapter for '{}' with digest {}, which is not here: register or "
              "import that model first",
              archived.number,
              archived.base ? archived.base->model : "",
              archived.base ? archived.base->digest : ""),
          "base",
          "base_missing");
    }
    return *std::move(base);
  }

  // Links the files into the version's folder, checks the contents, and takes their digest.
  void store(
      const ArchiveVersion& archived,
      const std::optional<registry::Version>& base,
      registry::NewVersion& version) {
    const std::string tag = fmt::format("v{}", archived.number);
    with_.artifacts.link_version(archived.files, id_, tag);
    tags_.push_back(tag);
    version.folder = artifacts::ArtifactStore::relative_folder(id_, tag);
    const fs::path folder = with_.artifacts.absolute(version.folder);
    const std::int64_t size_bytes = bytes_of(archived);
    const artifacts::ReadProgress progress = verified_.next(size_bytes);
    if (base) {
      model_config::check_adapter_folder(
          folder,
          model_config::ModelConfig::load(with_.artifacts.absolute(base->folder)),
          base->digest);
      version.digest = model_config::adapter_digest(folder, base->digest, progress);
    } else {
      model_config::check_model_folder(folder);
      version.digest = model_config::content_digest(folder, progress);
    }
    static_cast<void>(progress(size_bytes));  // not all of them are weights
    if (version.digest != archived.digest) {
      refuse(
          fmt::format(
              "the contents of version {} have digest {}, {} says {}",
              archived.number,
              version.digest,
              kArchiveManifest,
              archived.digest));
    }
    for (const artifacts::StoredFile& file : archived.files) {
      const auto now = artifacts::stamped(folder / file.name, file);
      version.files.push_back({now.name, now.size_bytes, now.sha256, now.inode, now.mtime_ns});
    }
  }

  registry::Model insert() {
    const registry::Model model = with_.models.add_model(
        {.name = name_,
         .base_model = manifest_.base_model,
         .description = manifest_.description,
         .tags_json = manifest_.tags_json,
         .id = id_},
        std::nullopt);
    std::map<std::string, std::string> ids;  // here, by those of the archive
    for (std::size_t i = 0; i < prepared_.size(); ++i) {
      Prepared& one = prepared_[i];
      if (const auto parent = ids.find(one.parent_id); parent != ids.end()) {
        one.version.parent_version_id = parent->second;
      }
      if (const auto base = ids.find(one.base_id); base != ids.end()) {
        one.version.base_version_id = base->second;
      }
      with_.models.skip_to_number(id_, one.version.number.value_or(1));
      ids[manifest_.versions[i].version_id] = with_.models.add_version(id_, one.version).id;
    }
    for (const auto& [alias, number] : manifest_.aliases) {
      with_.aliases.set(id_, alias, number);
    }
    return model;
  }

  const ArchiveServices& with_;
  const ArchiveManifest& manifest_;
  const std::string name_;
  const std::string id_;
  const ArchiveImport& options_;
  const artifacts::BytesProgress verifying_;
  artifacts::ByteCount verified_;
  std::vector<Prepared> prepared_;
  std::vector<std::string> tags_;  // of folders that were made
};

}  // namespace

void import_archive(
    const ArchiveServices& services, const fs::path& file, const ArchiveImport& options) {
  artifacts::TarReader archive(file);
  const ArchiveManifest manifest = read_manifest(archive);
  const std::string name = options.name.value_or(manifest.name);
  base::check_name(name, "name");
  if (options.on_name) {
    options.on_name(name);
  }
  // Before gigabytes are read; the insert checks again.
  if (services.models.find_model(name)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "a model named '{}' is registered already: give another 'name' for the archive's",
            name),
        "name",
        "model_exists");
  }
  require_space(services.artifacts, manifest);
  try {
    // Held until the versions' folders link to them.
    const Incoming received = receive_files(services.artifacts, archive, manifest, options.watch);
    Registration(services, manifest, name, options).run();
  } catch (...) {
    services.artifacts.collect_garbage();
    throw;
  }
}

}  // namespace hub::hub
