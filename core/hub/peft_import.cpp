#include "core/hub/peft_import.h"

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/hub/local_model.h"
#include "core/hub/scratch_folder.h"
#include "core/model_config/adapter_check.h"
#include "core/peft/import_adapter.h"

namespace hub::hub {

using base::Json;

registry::NewVersion import_peft(
    artifacts::ArtifactStore& store,
    const std::filesystem::path& folder,
    const registry::Version& base,
    const std::filesystem::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const ImportWatch& watch) {
  const ScratchFolder converted(scratch, "peft");
  const auto config = model_config::ModelConfig::load(store.absolute(base.folder));
  tell(watch, ImportStage::kConverting, 0, 0);
  const peft::ImportReport report =
      peft::import_adapter(folder, config.num_hidden_layers, converted.path());
  model_config::check_adapter_folder(converted.path(), config, base.digest);
  const auto files = artifacts::ArtifactStore::files_to_move(
      converted.path(), watch_stage(watch, ImportStage::kHashing));
  const auto stored =
      store.import_files(files, model_id, version_tag, watch_stage(watch, ImportStage::kStoring));
  try {
    const std::string place = artifacts::ArtifactStore::relative_folder(model_id, version_tag);
    registry::NewVersion version = describe_local_adapter(
        store.absolute(place), base, stored, watch_stage(watch, ImportStage::kVerifying));
    version.folder = place;
    version.by_reference = false;
    Json described = base::parse_json(version.config_json, "config");
    described["source"] = report.to_json();
    if (const std::string note = report.note(); !note.empty()) {
      described["source"]["note"] = note;
    }
    version.config_json = described.dump(-1, ' ', false, Json::error_handler_t::replace);
    return version;
  } catch (...) {
    store.remove(model_id, version_tag);
    throw;
  }
}

}  // namespace hub::hub
