#include "core/db/change_feed.h"

#include <nlohmann/json.hpp>

#include "core/db/statement.h"

namespace hub::db {

std::int64_t record_event(
    Connection& transaction,
    std::int64_t now_ms,
    std::string_view type,
    std::string_view subject_kind,
    std::string_view subject_id,
    const base::Json& data) {
  Statement insert(
      transaction,
      "INSERT INTO events (time, type, subject_kind, subject_id, data_json) "
      "VALUES (?1, ?2, ?3, ?4, ?5) RETURNING seq",
      now_ms,
      type,
      subject_kind,
      subject_id,
      data.dump(-1, ' ', false, base::Json::error_handler_t::replace));
  insert.step();
  const std::int64_t seq = insert.integer(0);
  insert.run();
  return seq;
}

}  // namespace hub::db
