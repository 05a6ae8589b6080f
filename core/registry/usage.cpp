#include "core/registry/usage.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/db/statement.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using db::Connection;
using db::Statement;

[[noreturn]] void refuse_version(const Version& version, const std::string& why) {
  throw Error(
      ErrorCode::kConflict,
      fmt::format("version {} of '{}' {}", version.number, version.model_name, why),
      "id",
      "version_in_use");
}

}  // namespace

void refuse_when_in_use(Connection& connection, const Model& model) {
  Statement jobs(
      connection,
      "SELECT id, state FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND (model_id = ?1 OR "
      "version_id IN (SELECT id FROM versions WHERE model_id = ?1)) LIMIT 1",
      model.id);
  if (jobs.step()) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "model '{}' is used by job {}, which is {}: cancel it or wait",
            model.name,
            jobs.text(0),
            jobs.text(1)),
        "id",
        "model_in_use");
  }
  Statement adapters(
      connection,
      "SELECT m.name FROM versions AS a JOIN models AS m ON m.id = a.model_id "
      "WHERE a.model_id <> ?1 AND a.base_version_id IN "
      "(SELECT id FROM versions WHERE model_id = ?1) LIMIT 1",
      model.id);
  if (adapters.step()) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "model '{}' is the base of '{}': remove that one first", model.name, adapters.text(0)),
        "id",
        "model_in_use");
  }
}

void refuse_when_in_use(Connection& connection, const Version& version) {
  Statement alias(
      connection, "SELECT alias FROM aliases WHERE version_id = ?1 LIMIT 1", version.id);
  if (alias.step()) {
    refuse_version(
        version,
        fmt::format(
            "is what the alias '{}' points to: move or remove the alias first", alias.text(0)));
  }
  Statement jobs(
      connection,
      "SELECT id, state FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND version_id = ?1 LIMIT 1",
      version.id);
  if (jobs.step()) {
    refuse_version(
        version,
        fmt::format(
            "is used by job {}, which is {}: cancel it or wait", jobs.text(0), jobs.text(1)));
  }
  Statement dependents(
      connection,
      "SELECT m.name, d.number, d.base_version_id = ?1 FROM versions AS d JOIN models AS m ON "
      "m.id = d.model_id WHERE d.base_version_id = ?1 OR d.parent_version_id = ?1 LIMIT 1",
      version.id);
  if (dependents.step()) {
    refuse_version(
        version,
        fmt::format(
            "is {} version {} of '{}': remove that one first",
            dependents.integer(2) != 0 ? "the base of" : "what was the source of",
            dependents.integer(1),
            dependents.text(0)));
  }
}

}  // namespace hub::registry
