#pragma once

#include <functional>
#include <string>

#include "api/cli/console.h"
#include "api/cli/hub_client.h"
#include "core/base/json.h"

namespace hub::api {

// Makes `call`, with the request id that it gets, on a second thread, and shows meanwhile how far
// that import is (GET /imports, twice a second): a bar in a terminal, elsewhere a line every few
// seconds; nothing for what is done at once, or `quiet`. Returns what `call` returns, throws what
// it throws; a hub that does not say how far it is only shows nothing. Nobody else uses `client`
// meanwhile.
base::Json watch_import(
    const HubClient& client,
    Console& console,
    bool quiet,
    const std::function<base::Json(const std::string& request_id)>& call);

}  // namespace hub::api
