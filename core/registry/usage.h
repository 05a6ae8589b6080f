#pragma once

#include "core/db/database.h"
#include "core/registry/records.h"

namespace hub::registry {

// What stands in the way of removing something, inside a transaction of the caller's.

// Throws kConflict, reason "model_in_use", while a job that has not ended uses one of the model's
// versions, or an adapter of another model was trained on one.
void refuse_when_in_use(db::Connection& connection, const Model& model);

// Throws kConflict, reason "version_in_use", while an alias points to the version, a job that has
// not ended uses it, or another version was made from it.
void refuse_when_in_use(db::Connection& connection, const Version& version);

}  // namespace hub::registry
