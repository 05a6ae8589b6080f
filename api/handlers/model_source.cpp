#include "api/handlers/model_source.h"

#include <filesystem>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/hf/settings.h"
#include "core/hub/gguf_import.h"
#include "core/hub/local_model.h"
#include "core/hub/peft_import.h"
#include "core/model_config/adapter_check.h"
#include "core/model_config/model_config.h"
#include "core/model_config/tensor_check.h"
#include "core/peft/import_adapter.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

bool is_path(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
}

std::string tag_of(const VersionPlace& place) {
  return fmt::format("v{}", place.number);
}

void copy_in(
    hub::Hub& hub,
    const fs::path& source,
    const VersionPlace& place,
    const hub::ImportWatch& watch) {
  hub.artifacts.import_folder(
      source, place.model_id, tag_of(place), hub::watch_stage(watch, hub::ImportStage::kCopying));
}

// Copies the folder into the store; `describe` then reads the copy, so that what is recorded is
// what lies there.
template <typename Describe>
registry::NewVersion stored(
    hub::Hub& hub,
    const fs::path& source,
    const VersionPlace& place,
    const hub::ImportWatch& watch,
    const Describe& describe) {
  const std::string tag = tag_of(place);
  copy_in(hub, source, place, watch);
  const std::string folder = artifacts::ArtifactStore::relative_folder(place.model_id, tag);
  try {
    registry::NewVersion version = describe(hub.artifacts.absolute(folder));
    version.folder = folder;
    version.by_reference = false;
    return version;
  } catch (...) {
    hub.artifacts.remove(place.model_id, tag);
    hub.artifacts.collect_garbage();
    throw;
  }
}

registry::NewVersion version_of_registered(
    hub::Hub& hub,
    const std::string& base_model,
    Storage storage,
    const VersionPlace& place,
    const hub::ImportWatch& watch) {
  const auto parsed = registry::parse_model_value(base_model);
  const auto model = parsed ? hub.models.find_model(parsed->model.name) : std::nullopt;
  if (!model) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format(
            "'base_model' must be a repository of the Hugging Face Hub (organisation/name), an "
            "absolute path of a model folder, or the name of a registered model; \"{}\" is none",
            base_model.substr(0, 200)),
        "base_model",
        "model_not_found");
  }
  if (!hub.models.newest_ready(model->id) && !parsed->adapter) {
    return {};  // pending like its source
  }
  const registry::ResolvedModel resolved = hub.resolver.resolve(base_model);
  const registry::Version& source = resolved.adapter ? *resolved.adapter : resolved.base;
  registry::NewVersion version;
  version.kind = source.kind;
  version.state = registry::VersionState::kReady;
  version.digest = source.digest;
  version.folder = source.folder;
  version.by_reference = source.by_reference;
  version.base_version_id = source.base_version_id;
  version.parent_version_id = source.id;
  version.config_json = source.config_json;
  version.files = source.files;
  if (storage == Storage::kCopy && !source.by_reference) {
    // The store keeps each file once: this makes links, and the source may be removed later.
    copy_in(hub, hub.artifacts.absolute(source.folder), place, watch);
    version.folder = artifacts::ArtifactStore::relative_folder(place.model_id, tag_of(place));
  } else {
    version.by_reference = true;
    version.folder = hub.artifacts.absolute(source.folder).string();
  }
  return version;
}

// The file may be replaced while it is read: then its checks fail, and nothing is kept.
registry::NewVersion version_of_gguf(
    hub::Hub& hub,
    const std::string& path,
    Storage storage,
    const VersionPlace& place,
    const hub::ImportWatch& watch) {
  const fs::path file = hub.roots.resolve(path, "base_model");
  if (!fs::is_regular_file(file)) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is no file", path), "base_model");
  }
  if (storage == Storage::kReference) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'storage' must be copy for a GGUF file: it is converted",
        "storage");
  }
  return hub::import_gguf(
      hub.artifacts, file, hub.config.data_dir / "downloads", place.model_id, tag_of(place), watch);
}

registry::NewVersion version_of_peft(
    hub::Hub& hub,
    const fs::path& folder,
    Storage storage,
    const VersionPlace& place,
    const std::string& base,
    const hub::ImportWatch& watch) {
  if (storage == Storage::kReference) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'storage' must be copy for a PEFT adapter: it is converted",
        "storage");
  }
  return hub::import_peft(
      hub.artifacts,
      folder,
      hub.resolver.resolve(base).base,
      hub.config.data_dir / "downloads",
      place.model_id,
      tag_of(place),
      watch);
}

}  // namespace

Storage read_storage(const base::JsonReader& body) {
  const std::string word = body.optional_string("storage").value_or("copy");
  if (word != "copy" && word != "reference") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'storage' must be copy or reference, got \"{}\"", word.substr(0, 60)),
        "storage");
  }
  return word == "copy" ? Storage::kCopy : Storage::kReference;
}

registry::NewVersion version_of_folder(
    hub::Hub& hub,
    const std::string& path,
    Storage storage,
    const VersionPlace& place,
    const std::optional<std::string>& base,
    const hub::ImportWatch& watch) {
  const fs::path folder = hub.roots.resolve_folder(path, "path");
  const bool is_adapter =
      fs::exists(folder / "adapter_config.json") && !fs::exists(folder / "config.json");
  if (is_adapter && !base) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'base' is required for an adapter: the model that it was trained on",
        "base");
  }
  if (!is_adapter && base) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'base' is only for adapters; {} holds no adapter_config.json", path),
        "base");
  }
  if (is_adapter && peft::is_peft_folder(folder)) {
    return version_of_peft(hub, folder, storage, place, *base, watch);
  }
  const auto verifying = hub::watch_stage(watch, hub::ImportStage::kVerifying);
  if (is_adapter) {
    const registry::ResolvedModel resolved = hub.resolver.resolve(*base);
    model_config::check_adapter_folder(
        folder,
        model_config::ModelConfig::load(hub.artifacts.absolute(resolved.base.folder)),
        resolved.base.digest);
    const auto describe = [&](const fs::path& where) {
      return hub::describe_local_adapter(where, resolved.base, {}, verifying);
    };
    return storage == Storage::kCopy ? stored(hub, folder, place, watch, describe)
                                     : describe(folder);
  }
  // Looked at before gigabytes are copied.
  model_config::check_model_folder(folder);
  const auto describe = [&verifying](const fs::path& where) {
    return hub::describe_local_model(where, {}, verifying);
  };
  return storage == Storage::kCopy ? stored(hub, folder, place, watch, describe) : describe(folder);
}

registry::NewVersion version_of_base_model(
    hub::Hub& hub,
    const std::string& base_model,
    Storage storage,
    const VersionPlace& place,
    const std::optional<std::string>& base,
    const hub::ImportWatch& watch) {
  if (is_path(base_model) && base_model.ends_with(".gguf") && !base) {
    return version_of_gguf(hub, base_model, storage, place, watch);
  }
  if (is_path(base_model)) {
    // The field that the caller sees is base_model.
    static_cast<void>(hub.roots.resolve_folder(base_model, "base_model"));
    return version_of_folder(hub, base_model, storage, place, base, watch);
  }
  if (base) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'base' is only for folders of adapters: 'base_model' must be a path",
        "base");
  }
  if (hf::is_repository(base_model)) {
    return {};
  }
  return version_of_registered(hub, base_model, storage, place, watch);
}

void discard(hub::Hub& hub, const registry::NewVersion& version, const VersionPlace& place) {
  if (!version.by_reference && !version.folder.empty()) {
    hub.artifacts.remove(place.model_id, tag_of(place));
  }
}

}  // namespace hub::api
