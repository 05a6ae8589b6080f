#pragma once

#include <string>

#include "api/cli/hub_client.h"

namespace hub::api {

// The id of the version that "name", "name:2" or "name@alias" means; of a name alone that in
// production, else the newest that is ready. Throws kNotFound.
std::string version_id(HubClient& client, const std::string& value);

}  // namespace hub::api
