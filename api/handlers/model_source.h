#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/json_reader.h"
#include "core/hub/hub.h"
#include "core/hub/import_progress.h"
#include "core/registry/model_registry.h"

namespace hub::api {

// Where a new version's files are put: in the artifact store (copied, checked), or left where they
// are and only recorded.
enum class Storage : std::uint8_t { kCopy, kReference };
// The body's field "storage": "copy" (also when absent) or "reference". Throws kInvalidArgument.
Storage read_storage(const base::JsonReader& body);

// Place of the version that is being made.
struct VersionPlace {
  std::string model_id;
  std::int64_t number = 1;
};

// The version that POST /models makes of `base_model`:
//   a path (absolute, or beginning with "./" or "../"): a model folder inside an allowed root, or a
//   file *.gguf, which is converted (core/gguf/convert.h); ready
//   a registered model's name (any `model` value): the same contents again; ready, or pending
//   like it "organisation/name": a repository of the Hugging Face Hub; pending, nothing is
//   downloaded
// `watch` hears how far the files are; ends with kCancelled when it says so.
// `base` is needed for an adapter's folder, and allowed for nothing else.
// With Storage::kCopy the files lie in the artifact store when this returns; the caller removes
// them again (discard()) when the row cannot be written. Throws kNotFound, kPermissionDenied,
// kUnprocessable naming what is wrong with the folder.
registry::NewVersion version_of_base_model(
    hub::Hub& hub,
    const std::string& base_model,
    Storage storage,
    const VersionPlace& place,
    const std::optional<std::string>& base,
    const hub::ImportWatch& watch);

// A model or adapter folder inside an allowed root as a version. An adapter (adapter_config.json
// beside adapters.safetensors, or PEFT's adapter_model.safetensors, which is converted:
// core/peft/import_adapter.h) needs `base`, the `model` value of what it was trained on. `watch` as
// above.
registry::NewVersion version_of_folder(
    hub::Hub& hub,
    const std::string& path,
    Storage storage,
    const VersionPlace& place,
    const std::optional<std::string>& base,
    const hub::ImportWatch& watch);

// Takes back what a version_of_…() stored.
void discard(hub::Hub& hub, const registry::NewVersion& version, const VersionPlace& place);

}  // namespace hub::api
