#pragma once

#include <filesystem>
#include <string_view>

#include "core/artifacts/artifact_store.h"
#include "core/hub/import_progress.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// A PEFT adapter's folder as an adapter version over `base`: converted (peft/import_adapter.h) in a
// folder of its own below `scratch`, checked against the base, stored; `config_json` gets "source"
// {"format":"peft",…} with what was changed. Throws what the conversion and the checks throw,
// and kCancelled when `watch` says so, leaving nothing behind.
registry::NewVersion import_peft(
    artifacts::ArtifactStore& store,
    const std::filesystem::path& folder,
    const registry::Version& base,
    const std::filesystem::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const ImportWatch& watch);

}  // namespace hub::hub
