#pragma once

#include <optional>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/hub/config.h"
#include "core/hub/model_pool.h"
#include "core/registry/model_resolver.h"

namespace hub::hub {

// The draft model of `model` by the setting draft_model: that of the last choice with its name,
// else that of the last choice for all models. nullopt: it has none. Throws kInvalidArgument with
// the field `draft_model` for an adapter, and what ModelResolver::resolve() throws, with that
// field.
std::optional<DraftFolder> find_draft(
    const std::vector<DraftChoice>& choices,
    const ServedModel& model,
    registry::ModelResolver& resolver,
    const artifacts::ArtifactStore& artifacts);

}  // namespace hub::hub
