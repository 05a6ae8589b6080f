#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/db/statement.h"
#include "core/registry/model_registry.h"
#include "core/registry/records.h"

namespace hub::registry {

// The SQL of single rows that several classes of this folder share. All take a connection inside a
// transaction of the caller's.

// "SELECT … FROM versions AS v JOIN models AS m …", for version_from().
inline const std::string kSelectVersion =
    "SELECT v.id, v.model_id, m.name, v.number, v.kind, v.state, v.state_reason, v.digest, "
    "v.folder, v.by_reference, v.base_version_id, v.parent_version_id, v.job_id, v.dataset_id, "
    "v.dataset_digest, v.size_bytes, v.config_json, v.metrics_json, v.created_at, "
    "v.verified_at "
    "FROM versions AS v JOIN models AS m ON m.id = v.model_id ";

// The statement's current row, without files.
Version version_from(const db::Statement& row);
std::vector<VersionFile> read_files(db::Connection& connection, const std::string& version_id);

// With files. Throws kNotFound, reason "version_not_found".
Version read_version(db::Connection& connection, std::string_view version_id);
// By the model's id. Throws kNotFound as above, naming the model.
Version read_version(db::Connection& connection, const Model& model, std::int64_t number);

// Of a row that begins with id, name, base_model, description, tags_json, created_at, updated_at.
Model model_from(const db::Statement& row);
std::optional<Model> find_model_row(db::Connection& connection, std::string_view id_or_name);
// Throws kNotFound, reason "model_not_found".
Model read_model(db::Connection& connection, std::string_view id_or_name);

// Writes the row and its files under the model's next (or the given) number, and the event
// "version.created".
Version insert_version(
    db::Connection& connection, std::int64_t now_ms, const Model& model, const NewVersion& version);
void insert_files(
    db::Connection& connection,
    const std::string& version_id,
    const std::vector<VersionFile>& files);
// Writes the event "version.updated".
void record_version_updated(
    db::Connection& connection, std::int64_t now_ms, const Version& version);
std::int64_t total_bytes(const std::vector<VersionFile>& files);

}  // namespace hub::registry
