#pragma once

#include "api/handlers/job_request.h"
#include "core/base/json_reader.h"

namespace hub::api {

// POST /jobs of type merge: {"model" (an adapter),"dataset"?,"params"?,"output"?,…}, and of type
// quantize: {"model" (no adapter),"dataset"?,"params"?,"output"?,…}. The data set's first rows are
// what the logits are compared on; a merge takes the adapter's own when none is named. Throws what
// the caller is to be told.
JobRequest read_merge_request(hub::Hub& hub, const base::JsonReader& body);
JobRequest read_quantize_request(hub::Hub& hub, const base::JsonReader& body);

}  // namespace hub::api
