#include "core/registry/evaluation_registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using db::Connection;
using db::Statement;

const std::string kSelect =
    "SELECT id, job_id, model, version_id, dataset_id, dataset_digest, params_json, metrics_json, "
    "created_at, ended_at FROM evaluations ";

Evaluation evaluation_from(const Statement& row) {
  return {
      .id = row.text(0),
      .job_id = row.text(1),
      .model = row.text(2),
      .version_id = row.text(3),
      .dataset_id = row.text(4),
      .dataset_digest = row.text(5),
      .params_json = row.text(6),
      .metrics_json = row.text(7),
      .created_at_ms = row.integer(8),
      .ended_at_ms = row.optional_integer(9)};
}

std::optional<Evaluation> find_row(
    Connection& connection, const std::string& column, std::string_view value) {
  Statement row(connection, kSelect + "WHERE " + column + " = ?1", value);
  return row.step() ? std::optional(evaluation_from(row)) : std::nullopt;
}

}  // namespace

EvaluationRegistry::EvaluationRegistry(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock) {}

Evaluation EvaluationRegistry::add(Evaluation evaluation) {
  evaluation.id = base::new_id();
  evaluation.created_at_ms = clock_.now_ms();
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "INSERT INTO evaluations (id, job_id, model, version_id, dataset_id, dataset_digest, "
        "params_json, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        evaluation.id,
        evaluation.job_id,
        evaluation.model,
        evaluation.version_id,
        evaluation.dataset_id,
        evaluation.dataset_digest,
        evaluation.params_json,
        evaluation.created_at_ms)
        .run();
    db::record_event(
        connection,
        evaluation.created_at_ms,
        "evaluation.created",
        "evaluation",
        evaluation.id,
        {{"model", evaluation.model},
         {"version_id", evaluation.version_id},
         {"dataset_id", evaluation.dataset_id},
         {"job_id", evaluation.job_id}});
  });
  return evaluation;
}

Evaluation EvaluationRegistry::finish(const std::string& job_id, const Json& metrics) {
  std::optional<Evaluation> evaluation;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    Statement(
        connection,
        "UPDATE evaluations SET metrics_json = ?2, ended_at = ?3 WHERE job_id = ?1",
        job_id,
        metrics.dump(-1, ' ', false, Json::error_handler_t::replace),
        now_ms)
        .run();
    evaluation = find_row(connection, "job_id", job_id);
    if (!evaluation) {
      throw Error(
          ErrorCode::kNotFound,
          fmt::format("no evaluation belongs to job '{}'", job_id),
          "job_id",
          "evaluation_not_found");
    }
    db::record_event(
        connection,
        now_ms,
        "evaluation.completed",
        "evaluation",
        evaluation->id,
        {{"model", evaluation->model},
         {"version_id", evaluation->version_id},
         {"metrics", metrics}});
  });
  return evaluation.value();
}

Evaluation EvaluationRegistry::get(std::string_view id) {
  std::optional<Evaluation> evaluation;
  pool_.read([&](Connection& connection) { evaluation = find_row(connection, "id", id); });
  if (!evaluation) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("there is no evaluation '{}'", id),
        "id",
        "evaluation_not_found");
  }
  return *std::move(evaluation);
}

std::optional<Evaluation> EvaluationRegistry::find_by_job(const std::string& job_id) {
  std::optional<Evaluation> evaluation;
  pool_.read([&](Connection& connection) { evaluation = find_row(connection, "job_id", job_id); });
  return evaluation;
}

std::vector<Evaluation> EvaluationRegistry::list(const EvaluationFilter& filter) {
  std::vector<Evaluation> evaluations;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        kSelect +
            "WHERE (?1 IS NULL OR version_id = ?1) AND (?2 IS NULL OR dataset_id = ?2) "
            "AND (?3 = '' OR id < ?3) ORDER BY id DESC LIMIT ?4",
        filter.version_id,
        filter.dataset_id,
        filter.after_id,
        filter.limit);
    while (rows.step()) {
      evaluations.push_back(evaluation_from(rows));
    }
  });
  return evaluations;
}

}  // namespace hub::registry
