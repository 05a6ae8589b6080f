#pragma once

#include <cstdint>

#include "core/base/json.h"

namespace hub::api {

// Bytes of this process that lie in memory now; 0 where the system does not say.
std::uint64_t resident_bytes();

// The data of a "memory" event (core/base/worker_protocol.h). Any thread.
base::Json memory_event();

}  // namespace hub::api
