#pragma once

#include <cstdint>
#include <string>

#include "core/hub/hub.h"

namespace hub::hub {

// Before an alias moves: where the engine of the version that it means now is loaded, that of
// version `number` of the same model gets ready beside it, so that no request has to wait for a
// load. Where memory has no room for both nothing is done: then the next request loads it. Throws
// what ModelPool::acquire() throws when the new version does not load: what works goes on working.
// Waits for the load; thread-safe.
void load_successor(
    Hub& hub, const registry::Model& model, const std::string& alias, std::int64_t number);

}  // namespace hub::hub
