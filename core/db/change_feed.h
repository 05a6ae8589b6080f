#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/db/database.h"

namespace hub::db {

// Writes one event into the transaction that makes the change it tells of: either both are there or
// neither. The sequence is global, starts at 1 and has no gaps, since writers take turns and a
// rollback takes its number back. `data` is an object. Returns the event's sequence number.
// Readers: core/jobs/event_log.h.
std::int64_t record_event(
    Connection& transaction,
    std::int64_t now_ms,
    std::string_view type,
    std::string_view subject_kind,
    std::string_view subject_id,
    const base::Json& data);

}  // namespace hub::db
