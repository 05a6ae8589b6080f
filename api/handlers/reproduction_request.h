#pragma once

#include <cstdint>

#include "api/handlers/job_request.h"
#include "core/base/json.h"
#include "core/hub/hub.h"

namespace hub::api {

// A job that does again what `original` did: the same kind, parameters after defaults, seed,
// version and data set, and the batches that an automatic batch size came to; what it makes gets
// a name of its own and no alias. Throws kConflict where that cannot be: `job_state` unless it
// COMPLETED, `not_reproducible` for a kind that computes nothing, `model_gone`, `model_changed`,
// `dataset_gone`, `dataset_changed`. Reads the data set's file.
JobRequest read_reproduction(hub::Hub& hub, const jobs::Job& original, int priority);

}  // namespace hub::api
