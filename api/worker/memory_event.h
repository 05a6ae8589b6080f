#pragma once

#include <cstdint>

#include "core/base/json.h"

namespace hub::api {

// Bytes of this process that lie in memory now; 0 where the system does not say.
std::uint64_t resident_bytes();

// The data of a "memory" event (core/base/worker_protocol.h). On a GPU what MLX holds there counts
// as resident, too, since not every driver counts it as the process's. Any thread.
base::Json memory_event();

}  // namespace hub::api
