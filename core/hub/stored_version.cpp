#include "core/hub/stored_version.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"

namespace hub::hub {

using base::Json;

registry::NewVersion store_version(
    artifacts::ArtifactStore& store,
    const std::vector<artifacts::IncomingFile>& files,
    std::string_view model_id,
    std::string_view version_tag,
    const DescribeFolder& describe,
    const artifacts::BytesProgress& progress) {
  const auto stored = store.import_files(files, model_id, version_tag, progress);
  try {
    const std::string place = artifacts::ArtifactStore::relative_folder(model_id, version_tag);
    registry::NewVersion version = describe(store.absolute(place), stored);
    version.folder = place;
    version.by_reference = false;
    return version;
  } catch (...) {
    store.remove(model_id, version_tag);
    throw;
  }
}

void set_source(registry::NewVersion& version, Json source, const std::string& note) {
  if (!note.empty()) {
    source["note"] = note;
  }
  Json config = base::parse_json(version.config_json, "config");
  config["source"] = std::move(source);
  version.config_json = config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hub::hub
