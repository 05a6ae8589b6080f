#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/base/json.h"
#include "core/db/pool.h"
#include "core/hub/import_progress.h"
#include "core/registry/alias_registry.h"
#include "core/registry/model_catalog.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// A model with its versions, aliases, lineage, metrics and files as one tar archive, which another
// hub takes in (docs/storage-format.md):
//   manifest.json        first: what the archive holds, every file with size and SHA-256
//   files/{sha256}       each file once
inline constexpr const char* kArchiveFormat = "mlx-hub-model";
inline constexpr int kArchiveSchema = 1;
inline constexpr const char* kArchiveManifest = "manifest.json";

// What archives are made of and put into. All members outlive it.
struct ArchiveServices {
  db::Pool& database;
  artifacts::ArtifactStore& artifacts;
  registry::ModelRegistry& models;
  registry::ModelCatalog& catalog;
  registry::AliasRegistry& aliases;
};

// One model on its way out. The manifest is a snapshot; files never change.
class ModelExport {
 public:
  // Throws kNotFound; kUnprocessable, reason "model_corrupt", when files of a version are missing,
  // of another size, or the version is known to be corrupt.
  ModelExport(const ArchiveServices& services, std::string_view id_or_name, std::int64_t now_ms);

  // The whole archive, piece by piece; `sink` returns false to stop. Throws kUnprocessable for a
  // file that turns out damaged, after part of the archive was written; kCancelled.
  void write(const std::function<bool(std::string_view)>& sink) const;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct File {
    std::string sha256;
    std::int64_t size_bytes;
    std::filesystem::path path;
  };
  void add_version(
      const ArchiveServices& services, const registry::Version& version, base::Json& versions);

  std::string name_;
  std::string manifest_;
  std::vector<File> files_;
};

struct ArchiveImport {
  std::optional<std::string> name;  // instead of the archive's
  // Called once with what writes the rows, in one transaction, which it may make a part of its own;
  // absent: it is just called.
  std::function<void(const std::function<registry::Model()>& rows)> insert;
  // Hears the name that the model gets, once it is known.
  std::function<void(const std::string& name)> on_name;
  ImportWatch watch;  // of the stages copying and verifying
};

// Takes an archive in: everything in it is checked before the model is there at all. Refused, each
// with the reason: entries that the manifest does not list, listed ones that are missing, that come
// twice, have another size or SHA-256; links, folders, devices, paths; contents whose digest is not
// the recorded one; broken configurations and headers. A version that needs a base (an adapter) is
// refused while no version with the base's digest is here: kUnprocessable, reason "base_missing",
// naming it. Numbers of versions stay, ids are new. Throws kUnprocessable, reason "archive_invalid"
// and the above; kConflict, reason "model_exists"; kUnavailable (disk full); kCancelled when
// `options.watch` says so.
void import_archive(
    const ArchiveServices& services,
    const std::filesystem::path& file,
    const ArchiveImport& options);

}  // namespace hub::hub
