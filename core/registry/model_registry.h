#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/db/pool.h"
#include "core/registry/records.h"

namespace hub::registry {

// What is known of a version when it is registered. A model's first version comes with the model.
struct NewVersion {
  VersionKind kind = VersionKind::kBase;
  VersionState state = VersionState::kPending;
  std::string digest;
  std::string folder;
  bool by_reference = false;
  std::optional<std::string> base_version_id;
  std::optional<std::string> parent_version_id;
  std::optional<std::string> job_id;
  std::optional<std::string> dataset_id;
  std::string dataset_digest;
  std::string config_json = "{}";
  std::string metrics_json = "{}";
  std::vector<VersionFile> files;
  // Given where the files' folder was named before the row exists: the number that next_number()
  // told. add() throws kConflict when somebody else took it.
  std::optional<std::int64_t> number;
};

struct NewModel {
  std::string name{};
  std::string base_model{};
  std::string description{};
  std::string tags_json = "{}";
  std::optional<std::string> id{};  // given where files were stored under it first (base::new_id())
};

struct ListFilter {
  std::optional<std::string> name_contains;
  std::optional<std::string> model_id;  // of versions
  std::optional<VersionKind> kind;      // of versions
  bool ready_only = false;              // models with a ready version
  std::string after_id;                 // the last id of the page before; ids sort by creation
  int limit = 50;
};

// Models and their versions. Versions are immutable once ready: only state, aliases and metrics
// change, and a number is never used again. Each change writes its event (model.created,
// model.updated, model.deleted, version.created, version.updated, version.deleted, alias.set,
// alias.removed) in the same transaction. Thread-safe.
class ModelRegistry {
 public:
  ModelRegistry(db::Pool& pool, const base::Clock& clock);

  // Registers the model with its first version. Throws kInvalidArgument (name), kConflict (name
  // taken; reason "model_exists").
  Model add_model(const NewModel& model, const std::optional<NewVersion>& first);
  // By id or name. Throws kNotFound, reason "model_not_found".
  Model get_model(std::string_view id_or_name);
  std::optional<Model> find_model(std::string_view id_or_name);
  std::vector<Model> list_models(const ListFilter& filter);
  // Absent fields stay. Throws kNotFound.
  Model update_model(
      std::string_view id_or_name,
      const std::optional<std::string>& description,
      const std::optional<std::string>& tags_json);
  // Removes the model, its versions and aliases. Returns the versions that were removed, so that
  // the caller removes their files. Throws kNotFound; kConflict while a job that has not ended or a
  // version of another model refers to one of them.
  std::vector<Version> remove_model(std::string_view id_or_name);

  // Removes one version. Returns it with its files, for the caller to remove them. Its number is
  // not used again. Throws kNotFound; kConflict, reason "version_in_use", while an alias points to
  // it, an adapter or another version was made from it, or a job that has not ended uses it.
  Version remove_version(std::string_view version_id);

  // The number that the model's next version gets.
  std::int64_t next_number(std::string_view model_id);
  // It gets at least this one: archives keep their numbers.
  void skip_to_number(std::string_view model_id, std::int64_t number);
  // Throws kNotFound (model), kConflict (number taken).
  Version add_version(std::string_view model_id, const NewVersion& version);
  // A pending version's files have arrived. Throws kConflict unless it is pending.
  Version make_ready(std::string_view version_id, const NewVersion& arrived);
  // The files are not (or again) what was recorded.
  void set_state(std::string_view version_id, VersionState state, const std::string& reason);
  // How the files looked when they were found sound; `all_read`: every byte was read just now.
  void record_check(
      std::string_view version_id, const std::vector<VersionFile>& files, bool all_read);
  // Adds figures to the version's metrics ({"eval_loss": …}); same names are replaced.
  void merge_metrics(std::string_view version_id, const base::Json& metrics);
  // With files. Throws kNotFound, reason "version_not_found".
  Version get_version(std::string_view version_id);
  // A ready version with these contents, with files; the oldest of several.
  std::optional<Version> find_digest(std::string_view digest);
  // Newest first.
  std::vector<Version> list_versions(const ListFilter& filter);
  // The folders of all versions that the artifact store holds (for ArtifactStore::set_aside()).
  std::set<std::string> stored_folders();
  // The digests of all versions.
  std::set<std::string> digests();
  // Every version that has files, with them.
  std::vector<Version> versions_with_files();
  // nullopt when the model has no ready version.
  std::optional<Version> newest_ready(std::string_view model_id);

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry
