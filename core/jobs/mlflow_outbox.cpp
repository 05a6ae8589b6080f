#include "core/jobs/mlflow_outbox.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/db/statement.h"

namespace hub::jobs {
namespace {

using base::Json;
using db::Connection;
using db::Statement;

// A running job's reports are told together.
constexpr std::int64_t kReportsTogetherMs = 1000;

const std::string kSelectEntry =
    "SELECT object, seq, since, not_before, attempts, error FROM mlflow_outbox ";

MlflowOutbox::Entry entry_from(const Statement& row) {
  return {
      row.text(0),
      row.integer(1),
      row.integer(2),
      row.integer(3),
      static_cast<int>(row.integer(4)),
      row.text(5)};
}

struct Change {
  std::string object;
  bool may_wait = false;
};

// What an event tells of; nullopt: nothing that MLflow is told.
std::optional<Change> change_of(
    const std::string& type,
    const std::string& kind,
    const std::string& id,
    const std::string& data_json) {
  if (kind == "model") {
    return Change{"model:" + id};
  }
  if (kind == "version" && type != "version.pinned" && type != "version.unpinned") {
    const Json data = Json::parse(data_json);
    const auto model = data.find("model_id");
    return model == data.end() ? std::nullopt
                               : std::optional(Change{"model:" + model->get<std::string>()});
  }
  constexpr std::array<std::string_view, 6> told{
      "job.started", "job.resumed", "job.metric", "job.completed", "job.failed", "job.cancelled"};
  if (kind == "job" && std::ranges::find(told, type) != told.end()) {
    return Change{"job:" + id, type == "job.metric"};
  }
  return std::nullopt;
}

}  // namespace

MlflowOutbox::MlflowOutbox(db::Pool& pool) : pool_(pool) {}

void MlflowOutbox::begin(const std::string& uri) {
  pool_.write([&](Connection& connection) {
    Statement known(connection, "SELECT uri FROM mlflow_server");
    if (known.step() && known.text(0) == uri) {
      return;
    }
    Statement(connection, "DELETE FROM mlflow_outbox").run();
    Statement(connection, "DELETE FROM mlflow_links").run();
    Statement(
        connection, "INSERT OR REPLACE INTO mlflow_server (id, uri, seq) VALUES (1, ?1, 0)", uri)
        .run();
  });
}

int MlflowOutbox::take_events(int limit) {
  int taken = 0;
  const auto look = [&](Connection& connection) {
    Statement events(
        connection,
        "SELECT seq, time, type, subject_kind, subject_id, data_json FROM events "
        "WHERE seq > (SELECT seq FROM mlflow_server) ORDER BY seq LIMIT ?1",
        limit);
    std::int64_t last = 0;
    while (events.step()) {
      ++taken;
      last = events.integer(0);
      const auto change = change_of(events.text(2), events.text(3), events.text(4), events.text(5));
      if (!change) {
        continue;
      }
      const std::int64_t time = events.integer(1);
      // What was refused is tried again, since it may have been mended; an entry that waits for a
      // job's reports does not wait longer for more of them.
      Statement(
          connection,
          "INSERT INTO mlflow_outbox (object, seq, since, not_before) VALUES (?1, ?2, ?3, ?4) "
          "ON CONFLICT (object) DO UPDATE SET seq = ?2, "
          "not_before = CASE WHEN ?5 THEN not_before ELSE 0 END",
          change->object,
          last,
          time,
          change->may_wait ? time + kReportsTogetherMs : std::int64_t{0},
          change->may_wait)
          .run();
    }
    if (taken > 0) {
      Statement(connection, "UPDATE mlflow_server SET seq = ?1", last).run();
    }
  };
  bool news = false;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT EXISTS (SELECT 1 FROM events WHERE seq > (SELECT seq FROM mlflow_server))");
    row.step();
    news = row.integer(0) != 0;
  });
  if (news) {
    pool_.write(look);
  }
  return taken;
}

std::optional<MlflowOutbox::Entry> MlflowOutbox::next(std::int64_t now_ms) {
  std::optional<Entry> found;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection, kSelectEntry + "WHERE not_before <= ?1 ORDER BY since, seq LIMIT 1", now_ms);
    if (row.step()) {
      found = entry_from(row);
    }
  });
  return found;
}

std::optional<std::int64_t> MlflowOutbox::next_due() {
  std::optional<std::int64_t> due;
  pool_.read([&](Connection& connection) {
    Statement row(connection, "SELECT MIN(not_before) FROM mlflow_outbox");
    row.step();
    due = row.optional_integer(0);
  });
  return due;
}

void MlflowOutbox::sent(const Entry& entry) {
  pool_.write([&](Connection& connection) {
    const std::int64_t gone = Statement(
                                  connection,
                                  "DELETE FROM mlflow_outbox WHERE object = ?1 AND seq = ?2",
                                  entry.object,
                                  entry.seq)
                                  .run();
    if (gone == 0) {
      Statement(
          connection,
          "UPDATE mlflow_outbox SET attempts = 0, error = '' WHERE object = ?1",
          entry.object)
          .run();
    }
  });
}

void MlflowOutbox::refused(
    const Entry& entry, const std::string& error, std::int64_t not_before_ms) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE mlflow_outbox SET attempts = attempts + 1, error = ?2, not_before = ?3 "
        "WHERE object = ?1",
        entry.object,
        error,
        not_before_ms)
        .run();
  });
}

void MlflowOutbox::retry() {
  pool_.write([&](Connection& connection) {
    Statement(connection, "UPDATE mlflow_outbox SET not_before = 0").run();
  });
}

MlflowOutbox::Counts MlflowOutbox::counts() {
  Counts counts;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT COUNT(*), COALESCE(SUM(error <> ''), 0), MIN(since) FROM mlflow_outbox");
    row.step();
    counts = {row.integer(0), row.integer(1), row.optional_integer(2)};
  });
  return counts;
}

std::vector<MlflowOutbox::Entry> MlflowOutbox::entries(int limit) {
  std::vector<Entry> found;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, kSelectEntry + "ORDER BY since, seq LIMIT ?1", limit);
    while (rows.step()) {
      found.push_back(entry_from(rows));
    }
  });
  return found;
}

std::optional<MlflowOutbox::Entry> MlflowOutbox::find(const std::string& object) {
  std::optional<Entry> found;
  pool_.read([&](Connection& connection) {
    Statement row(connection, kSelectEntry + "WHERE object = ?1", object);
    if (row.step()) {
      found = entry_from(row);
    }
  });
  return found;
}

Json MlflowOutbox::link(const std::string& object) {
  Json link;
  pool_.read([&](Connection& connection) {
    Statement row(connection, "SELECT link_json FROM mlflow_links WHERE object = ?1", object);
    if (row.step()) {
      link = Json::parse(row.text(0));
    }
  });
  return link;
}

void MlflowOutbox::set_link(const std::string& object, const Json& link) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "INSERT OR REPLACE INTO mlflow_links (object, link_json) VALUES (?1, ?2)",
        object,
        link.dump())
        .run();
  });
}

void MlflowOutbox::remove_link(const std::string& object) {
  pool_.write([&](Connection& connection) {
    Statement(connection, "DELETE FROM mlflow_links WHERE object = ?1", object).run();
  });
}

}  // namespace hub::jobs
