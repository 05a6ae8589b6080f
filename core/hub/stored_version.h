#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/base/json.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// describe_local_model(), or what does the same for another kind of folder.
using DescribeFolder = std::function<registry::NewVersion(
    const std::filesystem::path& folder, const std::vector<artifacts::StoredFile>& stored)>;

// Takes files that were made (converted, merged, …) into the store, where the version's folder is
// described. Throws what ArtifactStore::import_files() and `describe` throw; the version has no
// files then, and what was moved already lies in `blobs/` until garbage is collected.
registry::NewVersion store_version(
    artifacts::ArtifactStore& store,
    const std::vector<artifacts::IncomingFile>& files,
    std::string_view model_id,
    std::string_view version_tag,
    const DescribeFolder& describe,
    const artifacts::BytesProgress& progress = {});

// Writes where the version comes from into its `config_json`; `note`: for people, "" for none.
void set_source(registry::NewVersion& version, base::Json source, const std::string& note);

}  // namespace hub::hub
