#include "core/registry/alias_registry.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/registry/version_rows.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using db::Connection;
using db::Statement;

std::optional<Alias> find_alias(
    Connection& connection, std::string_view model_id, std::string_view alias) {
  Statement row(
      connection,
      "SELECT a.model_id, a.alias, a.version_id, v.number, a.updated_at FROM aliases AS a "
      "JOIN versions AS v ON v.id = a.version_id WHERE a.model_id = ?1 AND a.alias = ?2",
      model_id,
      alias);
  if (!row.step()) {
    return std::nullopt;
  }
  return Alias{row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4)};
}

bool lower_is_better(std::string_view metric) {
  return metric.ends_with("loss") || metric.ends_with("perplexity");
}

double figure(const Version& version, const std::string& metric) {
  const Json metrics = Json::parse(version.metrics_json);
  const auto found = metrics.find(metric);
  if (found == metrics.end() || !found->is_number()) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "the gate cannot be decided: version {} of '{}' has no figure '{}'; evaluate it first",
            version.number,
            version.model_name,
            metric),
        "require.metric",
        "gate_undecided");
  }
  return found->get<double>();
}

void check_gate(
    Connection& connection, const Model& model, const Version& candidate, const AliasGate& gate) {
  const auto current = find_alias(connection, model.id, gate.not_worse_than);
  if (!current || current->version_id == candidate.id) {
    return;
  }
  const Version holder = read_version(connection, current->version_id);
  const double mine = figure(candidate, gate.metric);
  const double theirs = figure(holder, gate.metric);
  const bool worse = lower_is_better(gate.metric) ? mine > theirs : mine < theirs;
  if (worse) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "version {} has {} {}, which is worse than {} of version {} ('{}')",
            candidate.number,
            gate.metric,
            mine,
            theirs,
            holder.number,
            gate.not_worse_than),
        "require",
        "gate_failed");
  }
}

// The version that an alias is to point to. Throws what AliasRegistry::set() says of it.
Version read_candidate(
    Connection& connection,
    const Model& model,
    std::int64_t number,
    const std::optional<AliasGate>& gate) {
  const Version version = read_version(connection, model, number);
  if (version.state != VersionState::kReady) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "an alias needs a ready version; version {} of '{}' is {}",
            number,
            model.name,
            to_string(version.state)),
        "version",
        "version_state");
  }
  if (gate) {
    check_gate(connection, model, version, *gate);
  }
  return version;
}

}  // namespace

void check_alias(const std::string& alias, const std::string& field) {
  base::check_name(alias, field);
  const bool numbered =
      alias.size() > 1 && alias.front() == 'v' &&
      std::all_of(alias.begin() + 1, alias.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (alias == "latest" || numbered) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must not be \"{}\": 'latest' and 'v<number>' have a meaning of their own",
            field,
            alias),
        field,
        "alias_reserved");
  }
}

AliasRegistry::AliasRegistry(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock) {}

Alias AliasRegistry::set(
    std::string_view model_id,
    const std::string& alias,
    std::int64_t number,
    const std::optional<AliasGate>& gate) {
  check_alias(alias, "alias");
  std::optional<Alias> made;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const Model model = read_model(connection, model_id);
    const Version version = read_candidate(connection, model, number, gate);
    const auto before = find_alias(connection, model.id, alias);
    Statement(
        connection,
        "INSERT INTO aliases (model_id, alias, version_id, updated_at) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (model_id, alias) DO UPDATE SET version_id = ?3, updated_at = ?4",
        model.id,
        alias,
        version.id,
        now_ms)
        .run();
    made = find_alias(connection, model.id, alias);
    Json data = {{"model", model.name}, {"alias", alias}, {"version", number}, {"before", nullptr}};
    if (before) {
      data["before"] = before->number;
    }
    db::record_event(connection, now_ms, "alias.set", "model", model.id, data);
  });
  return made.value();
}

void AliasRegistry::check(
    std::string_view model_id,
    const std::string& alias,
    std::int64_t number,
    const std::optional<AliasGate>& gate) {
  check_alias(alias, "alias");
  pool_.read([&](Connection& connection) {
    static_cast<void>(read_candidate(connection, read_model(connection, model_id), number, gate));
  });
}

void AliasRegistry::remove(std::string_view model_id, const std::string& alias) {
  pool_.write([&](Connection& connection) {
    const Model model = read_model(connection, model_id);
    const std::int64_t removed =
        Statement(
            connection, "DELETE FROM aliases WHERE model_id = ?1 AND alias = ?2", model.id, alias)
            .run();
    if (removed == 0) {
      throw Error(
          ErrorCode::kNotFound,
          fmt::format("model '{}' has no alias '{}'", model.name, alias),
          "alias",
          "alias_not_found");
    }
    db::record_event(
        connection,
        clock_.now_ms(),
        "alias.removed",
        "model",
        model.id,
        {{"model", model.name}, {"alias", alias}});
  });
}

std::optional<Alias> AliasRegistry::find(std::string_view model_id, const std::string& alias) {
  std::optional<Alias> found;
  pool_.read([&](Connection& connection) { found = find_alias(connection, model_id, alias); });
  return found;
}

std::vector<Alias> AliasRegistry::list(std::string_view model_id) {
  std::vector<Alias> aliases;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT a.model_id, a.alias, a.version_id, v.number, a.updated_at FROM aliases AS a "
        "JOIN versions AS v ON v.id = a.version_id WHERE a.model_id = ?1 ORDER BY a.alias",
        model_id);
    while (rows.step()) {
      aliases.push_back(
          {rows.text(0), rows.text(1), rows.text(2), rows.integer(3), rows.integer(4)});
    }
  });
  return aliases;
}

}  // namespace hub::registry
