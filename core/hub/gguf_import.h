#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/artifacts/artifact_store.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// Converts a GGUF file (core/gguf) in a folder of its own below `scratch`, moves the result into
// the store and describes it. `config_json` gets "source":
//   {"gguf": the file's name, "sha256", "size_bytes", "tensors", "types", "requantized", "note"?}
// Throws kUnprocessable for a file that cannot be converted or does not fit the disk
// ("insufficient_disk"), kCancelled when `stopping` becomes true. Leaves nothing behind then.
registry::NewVersion import_gguf(
    artifacts::ArtifactStore& store,
    const std::filesystem::path& file,
    const std::filesystem::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const std::atomic<bool>& stopping);

}  // namespace hub::hub
