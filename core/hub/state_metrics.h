#pragma once

#include "core/obs/metrics.h"

namespace hub::hub {

class Hub;

// What a hub is like now: its engines, ledger, queue, tables, outbox and process, as metrics
// (docs/metrics.md). Reads a few rows of the database. Thread-safe. Throws base::Error when the
// database cannot be read.
void tell_state(Hub& hub, obs::MetricSnapshot& snapshot);

}  // namespace hub::hub
