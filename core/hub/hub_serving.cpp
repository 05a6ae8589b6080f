#include <utility>

#include "core/base/error.h"
#include "core/hub/hub.h"
#include "core/model_config/adapter_config.h"

// What a hub knows of answers: which weights make them, and whose tokens they took.
namespace hub::hub {

ServedModel Hub::served_model(const registry::ResolvedModel& resolved) const {
  ServedModel served;
  served.base_version_id = resolved.base.id;
  served.base_name = resolved.base.model_name;
  served.base_folder = artifacts.absolute(resolved.base.folder);
  served.base_digest = resolved.base.digest;
  if (resolved.adapter) {
    ServedModel::Trained trained{
        resolved.adapter->id,
        artifacts.absolute(resolved.adapter->folder),
        resolved.adapter->digest};
    if (model_config::AdapterConfig::load(trained.folder).fine_tune_type == "full") {
      served.base_name = resolved.adapter->model_name;
      served.weights = std::move(trained);
    } else {
      served.adapter = std::move(trained);
    }
  }
  return served;
}

void Hub::take_usage(const base::EngineUsage& usage) {
  traces.requests().on_usage(usage);
  if (usage.key_id.empty()) {
    return;
  }
  key_meter.add_tokens(usage.key_id, usage.prompt_tokens, usage.completion_tokens);
  try {
    key_metrics.tokens(keys.get(usage.key_id).name, usage.prompt_tokens, usage.completion_tokens);
  } catch (const base::Error&) {
    // An engine speaks of no key that is not there.
  }
}

}  // namespace hub::hub
