#pragma once

#include <string>

#include "api/server/http.h"
#include "core/hub/hub.h"
#include "core/registry/model_query.h"

namespace hub::api {

// What the query of GET /models asks for: limit, cursor, sort, name, q, tag, state, kind,
// architecture, base. Throws kInvalidArgument naming the parameter, what was wanted and what came.
registry::ModelQuery read_model_query(const Request& request);

// What the query of GET /versions and GET /models/{id}/versions asks for: limit, cursor, kind,
// state, digest, dataset, and `model` unless `model_id` says it. Throws as above, kNotFound for a
// model or data set that does not exist.
registry::VersionQuery read_version_query(
    hub::Hub& hub, const Request& request, const std::string& model_id = {});

// "base", "adapter", … Throws kInvalidArgument naming `field`.
registry::VersionKind read_version_kind(const std::string& word, const std::string& field);

}  // namespace hub::api
