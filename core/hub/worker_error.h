#pragma once

#include "core/base/error.h"
#include "core/base/json.h"

namespace hub::hub {

// The Error that a worker described: {"code","message","param"?,"reason"?}
// (core/base/worker_protocol.h).
base::Error worker_error(const base::Json& described);

}  // namespace hub::hub
