#include "core/registry/model_registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/registry/model_query.h"
#include "core/registry/usage.h"
#include "core/registry/version_rows.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using db::Connection;
using db::Statement;

}  // namespace

ModelRegistry::ModelRegistry(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock) {}

Model ModelRegistry::add_model(const NewModel& model, const std::optional<NewVersion>& first) {
  base::check_name(model.name, "name");
  const std::string id = model.id.value_or(base::new_id());
  std::optional<Model> made;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const std::int64_t inserted =
        Statement(
            connection,
            "INSERT INTO models (id, name, base_model, description, tags_json, created_at, "
            "updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (name) DO NOTHING",
            id,
            model.name,
            model.base_model,
            model.description,
            model.tags_json,
            now_ms)
            .run();
    if (inserted == 0) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format("a model named '{}' is registered already", model.name),
          "name",
          "model_exists");
    }
    made = read_model(connection, id);
    db::record_event(
        connection,
        now_ms,
        "model.created",
        "model",
        id,
        {{"name", model.name}, {"base_model", model.base_model}});
    if (first) {
      insert_version(connection, now_ms, *made, *first);
    }
  });
  return made.value();
}

Model ModelRegistry::get_model(std::string_view id_or_name) {
  std::optional<Model> model;
  pool_.read([&](Connection& connection) { model = read_model(connection, id_or_name); });
  return model.value();
}

std::optional<Model> ModelRegistry::find_model(std::string_view id_or_name) {
  std::optional<Model> model;
  pool_.read([&](Connection& connection) { model = find_model_row(connection, id_or_name); });
  return model;
}

std::vector<Model> ModelRegistry::list_models(const ListFilter& filter) {
  std::vector<Model> models;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT id, name, base_model, description, tags_json, created_at, updated_at FROM models "
        "AS m WHERE id > ?1 AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0) AND (?3 = 0 OR "
        "EXISTS (SELECT 1 FROM versions AS v WHERE v.model_id = m.id AND v.state = 'ready')) "
        "ORDER BY id LIMIT ?4",
        filter.after_id,
        filter.name_contains,
        filter.ready_only,
        filter.limit);
    while (rows.step()) {
      models.push_back(model_from(rows));
    }
  });
  return models;
}

Model ModelRegistry::update_model(
    std::string_view id_or_name,
    const std::optional<std::string>& description,
    const std::optional<std::string>& tags_json) {
  std::optional<Model> model;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const Model before = read_model(connection, id_or_name);
    Statement(
        connection,
        "UPDATE models SET description = COALESCE(?2, description), "
        "tags_json = COALESCE(?3, tags_json), updated_at = ?4 WHERE id = ?1",
        before.id,
        description,
        tags_json,
        now_ms)
        .run();
    model = read_model(connection, before.id);
    db::record_event(
        connection, now_ms, "model.updated", "model", model->id, {{"name", model->name}});
  });
  return model.value();
}

std::vector<Version> ModelRegistry::remove_model(std::string_view id_or_name) {
  std::vector<Version> removed;
  pool_.write([&](Connection& connection) {
    const Model model = read_model(connection, id_or_name);
    refuse_when_in_use(connection, model);
    Statement rows(connection, kSelectVersion + "WHERE v.model_id = ?1", model.id);
    while (rows.step()) {
      removed.push_back(version_from(rows));
    }
    // Versions of one model may refer to each other; the references go before the rows.
    Statement(
        connection, "UPDATE versions SET base_version_id = NULL WHERE model_id = ?1", model.id)
        .run();
    Statement(connection, "DELETE FROM models WHERE id = ?1", model.id).run();
    db::record_event(
        connection, clock_.now_ms(), "model.deleted", "model", model.id, {{"name", model.name}});
  });
  return removed;
}

Version ModelRegistry::remove_version(std::string_view version_id) {
  std::optional<Version> removed;
  pool_.write([&](Connection& connection) {
    removed = read_version(connection, version_id);
    refuse_when_in_use(connection, *removed);
    Statement(connection, "DELETE FROM versions WHERE id = ?1", removed->id).run();
    const std::int64_t now_ms = clock_.now_ms();
    Statement(
        connection, "UPDATE models SET updated_at = ?2 WHERE id = ?1", removed->model_id, now_ms)
        .run();
    db::record_event(
        connection,
        now_ms,
        "version.deleted",
        "version",
        removed->id,
        {{"model", removed->model_name},
         {"model_id", removed->model_id},
         {"version", removed->number}});
  });
  return *std::move(removed);
}

std::int64_t ModelRegistry::next_number(std::string_view model_id) {
  std::int64_t number = 0;
  pool_.read([&](Connection& connection) {
    const Model model = read_model(connection, model_id);
    Statement row(connection, "SELECT next_number FROM models WHERE id = ?1", model.id);
    row.step();
    number = row.integer(0);
  });
  return number;
}

Version ModelRegistry::add_version(std::string_view model_id, const NewVersion& version) {
  std::optional<Version> made;
  pool_.write([&](Connection& connection) {
    made = insert_version(connection, clock_.now_ms(), read_model(connection, model_id), version);
  });
  return made.value();
}

Version ModelRegistry::make_ready(std::string_view version_id, const NewVersion& arrived) {
  std::optional<Version> made;
  pool_.write([&](Connection& connection) {
    const std::int64_t changed =
        Statement(
            connection,
            "UPDATE versions SET state = 'ready', state_reason = '', digest = ?2, folder = ?3, "
            "by_reference = ?4, size_bytes = ?5, config_json = ?6, kind = ?7, "
            "base_version_id = ?8, parent_version_id = COALESCE(?9, parent_version_id), "
            "job_id = COALESCE(?10, job_id) WHERE id = ?1 AND state = 'pending'",
            version_id,
            arrived.digest,
            arrived.folder,
            arrived.by_reference,
            total_bytes(arrived.files),
            arrived.config_json,
            to_string(arrived.kind),
            arrived.base_version_id,
            arrived.parent_version_id,
            arrived.job_id)
            .run();
    if (changed == 0) {
      const Version version = read_version(connection, version_id);
      throw Error(
          ErrorCode::kConflict,
          fmt::format(
              "only a pending version can receive files; version {} of '{}' is {}",
              version.number,
              version.model_name,
              to_string(version.state)),
          "version",
          "version_state");
    }
    insert_files(connection, std::string(version_id), arrived.files);
    made = read_version(connection, version_id);
    record_version_updated(connection, clock_.now_ms(), *made);
  });
  return made.value();
}

void ModelRegistry::set_state(
    std::string_view version_id, VersionState state, const std::string& reason) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE versions SET state = ?2, state_reason = ?3 WHERE id = ?1",
        version_id,
        to_string(state),
        reason)
        .run();
    record_version_updated(connection, clock_.now_ms(), read_version(connection, version_id));
  });
}

void ModelRegistry::record_check(
    std::string_view version_id, const std::vector<VersionFile>& files, bool all_read) {
  pool_.write([&](Connection& connection) {
    for (const VersionFile& file : files) {
      Statement(
          connection,
          "UPDATE version_files SET inode = NULLIF(?3, 0), mtime_ns = NULLIF(?4, 0) "
          "WHERE version_id = ?1 AND name = ?2",
          version_id,
          file.name,
          file.inode,
          file.mtime_ns)
          .run();
    }
    if (all_read) {
      Statement(
          connection,
          "UPDATE versions SET verified_at = ?2 WHERE id = ?1",
          version_id,
          clock_.now_ms())
          .run();
    }
  });
}

void ModelRegistry::skip_to_number(std::string_view model_id, std::int64_t number) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE models SET next_number = MAX(next_number, ?2) WHERE id = ?1",
        read_model(connection, model_id).id,
        number)
        .run();
  });
}

std::optional<Version> ModelRegistry::find_digest(std::string_view digest) {
  std::optional<Version> version;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        kSelectVersion + "WHERE v.digest = ?1 AND v.state = 'ready' ORDER BY v.id LIMIT 1",
        digest);
    if (!digest.empty() && row.step()) {
      version = version_from(row);
      version->files = read_files(connection, version->id);
    }
  });
  return version;
}

void ModelRegistry::merge_metrics(std::string_view version_id, const Json& metrics) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE versions SET metrics_json = json_patch(metrics_json, ?2) WHERE id = ?1",
        version_id,
        metrics.dump())
        .run();
    record_version_updated(connection, clock_.now_ms(), read_version(connection, version_id));
  });
}

Version ModelRegistry::get_version(std::string_view version_id) {
  std::optional<Version> version;
  pool_.read([&](Connection& connection) { version = read_version(connection, version_id); });
  return version.value();
}

std::vector<Version> ModelRegistry::list_versions(const ListFilter& filter) {
  const Conditions conditions = conditions_of(
      VersionQuery{
          .model_id = filter.model_id,
          .name_contains = filter.name_contains,
          .kind = filter.kind,
          .after = filter.after_id});
  std::vector<Version> versions;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        fmt::format(
            "{}{}ORDER BY v.id DESC LIMIT {}", kSelectVersion, conditions.text(), filter.limit));
    conditions.bind_to(rows);
    while (rows.step()) {
      versions.push_back(version_from(rows));
    }
  });
  return versions;
}

std::set<std::string> ModelRegistry::stored_folders() {
  std::set<std::string> folders;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection, "SELECT folder FROM versions WHERE by_reference = 0 AND folder <> ''");
    while (rows.step()) {
      folders.insert(rows.text(0));
    }
  });
  return folders;
}

std::set<std::string> ModelRegistry::digests() {
  std::set<std::string> digests;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, "SELECT digest FROM versions WHERE digest <> ''");
    while (rows.step()) {
      digests.insert(rows.text(0));
    }
  });
  return digests;
}

std::vector<Version> ModelRegistry::versions_with_files() {
  std::vector<Version> versions;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, kSelectVersion + "WHERE v.folder <> '' ORDER BY v.id");
    while (rows.step()) {
      versions.push_back(version_from(rows));
    }
    // In the same order: each file belongs to the next version of that id.
    Statement files(
        connection,
        "SELECT version_id, name, size_bytes, sha256, inode, mtime_ns FROM version_files "
        "ORDER BY version_id, name");
    auto version = versions.begin();
    while (files.step()) {
      const std::string id = files.text(0);
      while (version != versions.end() && version->id < id) {
        ++version;
      }
      if (version != versions.end() && version->id == id) {
        version->files.push_back(
            {files.text(1), files.integer(2), files.text(3), files.integer(4), files.integer(5)});
      }
    }
  });
  return versions;
}

std::optional<Version> ModelRegistry::newest_ready(std::string_view model_id) {
  std::optional<Version> version;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        kSelectVersion +
            "WHERE v.model_id = ?1 AND v.state = 'ready' ORDER BY v.number DESC LIMIT 1",
        model_id);
    if (row.step()) {
      version = version_from(row);
      version->files = read_files(connection, version->id);
    }
  });
  return version;
}

}  // namespace hub::registry
