#pragma once

#include <string>

#include "core/base/json.h"
#include "core/hub/hub.h"

namespace hub::api {

// The evaluations with these ids (commas between) in their order, each with "difference": its
// figures less the first one's. Throws kInvalidArgument (`compare`) for fewer than two or more than
// 32, kNotFound for an unknown id, kConflict naming what differs for evaluations that cannot be
// compared: on other data, with other params, or not ended well.
base::Json compared_evaluations(hub::Hub& hub, const std::string& ids);

}  // namespace hub::api
