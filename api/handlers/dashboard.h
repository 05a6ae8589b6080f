#pragma once

#include <filesystem>
#include <vector>

#include "api/server/http.h"

namespace hub::api {

// The dashboard under /ui, from a folder with the static export of web/ (its site.json names every
// file that may be sent, and of each page the scripts that may run), / leads there, and /docs is
// its page that shows GET /openapi.json. Needs no key: the pages hold nothing, and call the API
// with the key that their reader gives them. Without such a folder /ui answers 404 and says how to
// get one. The index is read here, once. Throws base::Error kInternal for one that is damaged.
std::vector<Route> dashboard_routes(const std::filesystem::path& folder);

}  // namespace hub::api
