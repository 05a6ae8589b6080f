#pragma once

#include <nlohmann/json_fwd.hpp>

namespace hub::base {

// JSON everywhere in this project keeps the order in which fields were written, so that answers
// read as documented. Headers include this file; only sources include <nlohmann/json.hpp>, which is
// slow to compile.
using Json = nlohmann::ordered_json;

}  // namespace hub::base
