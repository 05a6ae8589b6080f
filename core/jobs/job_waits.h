#pragma once

#include <cstdint>

#include "core/db/statement.h"
#include "core/jobs/job.h"

namespace hub::jobs {

// Jobs that wait for weights are moved by the end of the pull that brings them: QUEUED for their
// turn when it completed, FAILED with its reason otherwise. Called in the transaction in which
// `job` changed; does nothing unless `job` is a pull that has ended.
void settle_waiting(db::Connection& connection, std::int64_t now_ms, const Job& job);

}  // namespace hub::jobs
