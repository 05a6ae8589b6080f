#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/artifacts/artifact_store.h"
#include "core/hub/import_progress.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// Converts a GGUF file (core/gguf) in a folder of its own below `scratch`, moves the result into
// the store and describes it. `config_json` gets "source":
//   {"gguf": the file's name, "sha256", "size_bytes", "tensors", "types", "requantized", "note"?}
// Throws kUnprocessable for a file that cannot be converted or does not fit the disk
// ("insufficient_disk"), kCancelled when `watch` says so. Leaves nothing behind then. `watch` hears
// of the stages converting, hashing, storing and verifying.
registry::NewVersion import_gguf(
    artifacts::ArtifactStore& store,
    const std::filesystem::path& file,
    const std::filesystem::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const ImportWatch& watch);

}  // namespace hub::hub
