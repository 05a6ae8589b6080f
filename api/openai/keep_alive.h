#pragma once

#include <optional>

#include "core/base/json_reader.h"

namespace hub::api {

// The field `keep_alive` of a request, as Ollama's: how many seconds the model stays loaded without
// requests, as a number or with units ("5m", "1h30m", "500ms"). Infinity for what is below 0, 0 for
// an end with the answer, nullopt when absent. Throws kInvalidArgument with the field's path for
// anything else.
std::optional<double> read_keep_alive(const base::JsonReader& body);

}  // namespace hub::api
