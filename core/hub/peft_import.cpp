#include "core/hub/peft_import.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "core/hub/local_model.h"
#include "core/hub/scratch_folder.h"
#include "core/hub/stored_version.h"
#include "core/model_config/adapter_check.h"
#include "core/peft/import_adapter.h"

namespace hub::hub {

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
  try {
    return store_version(
        store,
        files,
        model_id,
        version_tag,
        [&](const std::filesystem::path& place, const std::vector<artifacts::StoredFile>& stored) {
          registry::NewVersion version = describe_local_adapter(
              place, base, stored, watch_stage(watch, ImportStage::kVerifying));
          set_source(version, report.to_json(), report.note());
          return version;
        },
        watch_stage(watch, ImportStage::kStoring));
  } catch (...) {
    store.collect_garbage();  // what was stored already
    throw;
  }
}

}  // namespace hub::hub
