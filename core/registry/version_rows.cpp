#include "core/registry/version_rows.h"

#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using db::Connection;
using db::Statement;

}  // namespace

Version version_from(const Statement& row) {
  Version version;
  int column = 0;
  version.id = row.text(column++);
  version.model_id = row.text(column++);
  version.model_name = row.text(column++);
  version.number = row.integer(column++);
  version.kind = version_kind_from(row.text(column++)).value_or(VersionKind::kBase);
  version.state = version_state_from(row.text(column++)).value_or(VersionState::kCorrupt);
  version.state_reason = row.text(column++);
  version.digest = row.text(column++);
  version.folder = row.text(column++);
  version.by_reference = row.integer(column++) != 0;
  version.base_version_id = row.optional_text(column++);
  version.parent_version_id = row.optional_text(column++);
  version.job_id = row.optional_text(column++);
  version.dataset_id = row.optional_text(column++);
  version.dataset_digest = row.text(column++);
  version.size_bytes = row.integer(column++);
  version.config_json = row.text(column++);
  version.metrics_json = row.text(column++);
  version.created_at_ms = row.integer(column++);
  version.verified_at_ms = row.optional_integer(column++);
  return version;
}

std::vector<VersionFile> read_files(Connection& connection, const std::string& version_id) {
  std::vector<VersionFile> files;
  Statement rows(
      connection,
      "SELECT name, size_bytes, sha256, inode, mtime_ns FROM version_files WHERE version_id = ?1 "
      "ORDER BY name",
      version_id);
  while (rows.step()) {
    files.push_back(
        {rows.text(0), rows.integer(1), rows.text(2), rows.integer(3), rows.integer(4)});
  }
  return files;
}

Version read_version(Connection& connection, std::string_view version_id) {
  Statement row(connection, kSelectVersion + "WHERE v.id = ?1", version_id);
  if (!row.step()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("there is no version '{}'", version_id),
        "version",
        "version_not_found");
  }
  Version version = version_from(row);
  version.files = read_files(connection, version.id);
  return version;
}

Version read_version(Connection& connection, const Model& model, std::int64_t number) {
  Statement row(
      connection, kSelectVersion + "WHERE v.model_id = ?1 AND v.number = ?2", model.id, number);
  if (!row.step()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("model '{}' has no version {}", model.name, number),
        "version",
        "version_not_found");
  }
  Version version = version_from(row);
  version.files = read_files(connection, version.id);
  return version;
}

Model model_from(const Statement& row) {
  return {
      .id = row.text(0),
      .name = row.text(1),
      .base_model = row.text(2),
      .description = row.text(3),
      .tags_json = row.text(4),
      .created_at_ms = row.integer(5),
      .updated_at_ms = row.integer(6)};
}

std::optional<Model> find_model_row(Connection& connection, std::string_view id_or_name) {
  // A name first: somebody may name a model like another one's id.
  Statement row(
      connection,
      "SELECT id, name, base_model, description, tags_json, created_at, updated_at FROM models "
      "WHERE name = ?1 OR id = ?1 ORDER BY name = ?1 DESC LIMIT 1",
      id_or_name);
  if (!row.step()) {
    return std::nullopt;
  }
  return model_from(row);
}

Model read_model(Connection& connection, std::string_view id_or_name) {
  std::optional<Model> model = find_model_row(connection, id_or_name);
  if (!model) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("there is no model '{}'", id_or_name),
        "model",
        "model_not_found");
  }
  return *std::move(model);
}

std::int64_t total_bytes(const std::vector<VersionFile>& files) {
  return std::accumulate(
      files.begin(), files.end(), std::int64_t{0}, [](std::int64_t sum, const VersionFile& file) {
        return sum + file.size_bytes;
      });
}

void insert_files(
    Connection& connection, const std::string& version_id, const std::vector<VersionFile>& files) {
  for (const VersionFile& file : files) {
    Statement(
        connection,
        "INSERT INTO version_files (version_id, name, size_bytes, sha256, inode, mtime_ns) "
        "VALUES (?1, ?2, ?3, ?4, NULLIF(?5, 0), NULLIF(?6, 0))",
        version_id,
        file.name,
        file.size_bytes,
        file.sha256,
        file.inode,
        file.mtime_ns)
        .run();
  }
}

void record_version_updated(Connection& connection, std::int64_t now_ms, const Version& version) {
  base::Json data = {
      {"model", version.model_name},
      {"model_id", version.model_id},
      {"version", version.number},
      {"state", to_string(version.state)},
      {"metrics", base::Json::parse(version.metrics_json)}};
  if (!version.state_reason.empty()) {
    data["reason"] = version.state_reason;
  }
  db::record_event(connection, now_ms, "version.updated", "version", version.id, data);
}

Version insert_version(
    Connection& connection, std::int64_t now_ms, const Model& model, const NewVersion& version) {
  Statement next(connection, "SELECT next_number FROM models WHERE id = ?1", model.id);
  next.step();
  const std::int64_t number = version.number.value_or(next.integer(0));
  if (number != next.integer(0)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "version {} of model '{}' cannot be made: the next one is {}",
            number,
            model.name,
            next.integer(0)),
        "version",
        "version_taken");
  }
  const std::string id = base::new_id();
  Statement(
      connection,
      "INSERT INTO versions (id, model_id, number, kind, state, digest, folder, by_reference, "
      "base_version_id, parent_version_id, job_id, dataset_id, dataset_digest, size_bytes, "
      "config_json, metrics_json, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
      "?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      id,
      model.id,
      number,
      to_string(version.kind),
      to_string(version.state),
      version.digest,
      version.folder,
      version.by_reference,
      version.base_version_id,
      version.parent_version_id,
      version.job_id,
      version.dataset_id,
      version.dataset_digest,
      total_bytes(version.files),
      version.config_json,
      version.metrics_json,
      now_ms)
      .run();
  insert_files(connection, id, version.files);
  Statement(
      connection,
      "UPDATE models SET next_number = next_number + 1, updated_at = ?2 WHERE id = ?1",
      model.id,
      now_ms)
      .run();
  db::record_event(
      connection,
      now_ms,
      "version.created",
      "version",
      id,
      {{"model", model.name},
       {"model_id", model.id},
       {"version", number},
       {"kind", to_string(version.kind)},
       {"state", to_string(version.state)}});
  return read_version(connection, id);
}

}  // namespace hub::registry
