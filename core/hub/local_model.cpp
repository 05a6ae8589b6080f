#include "core/hub/local_model.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/artifacts/artifact_store.h"
#include "core/model_config/content_digest.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"
#include "core/model_config/tensor_check.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

// What an engine keeps for one conversation of this length counts as needed memory in lists.
constexpr std::uint64_t kUsualContextTokens = 4096;

// Notes the folder's files, which are read unless they are `known`, and then takes the digest of
// their contents.
void read_contents(
    registry::NewVersion& version,
    const std::filesystem::path& folder,
    const std::vector<artifacts::StoredFile>& known,
    const artifacts::BytesProgress& progress,
    const std::function<std::string(const model_config::DigestProgress&)>& digest) {
  const auto halfway = [&progress](std::int64_t done, std::int64_t total) {
    return !progress || progress(done, 2 * total);
  };
  std::int64_t size_bytes = 0;
  for (const auto& file :
       known.empty() ? artifacts::ArtifactStore::scan_folder(folder, halfway) : known) {
    version.files.push_back({file.name, file.size_bytes, file.sha256, file.inode, file.mtime_ns});
    size_bytes += file.size_bytes;
  }
  const std::int64_t before = known.empty() ? size_bytes : 0;
  const auto counted = [&](std::int64_t bytes) {
    return !progress || progress(before + std::min(bytes, size_bytes), before + size_bytes);
  };
  version.digest = digest(counted);
  static_cast<void>(counted(size_bytes));  // not all of them are weights
}

}  // namespace

registry::NewVersion describe_local_model(
    const std::filesystem::path& folder,
    const std::vector<artifacts::StoredFile>& known,
    const artifacts::BytesProgress& progress) {
  model_config::check_model_folder(folder);
  const auto config = model_config::ModelConfig::load(folder);
  registry::NewVersion version;
  version.kind = registry::VersionKind::kBase;
  version.state = registry::VersionState::kReady;
  version.by_reference = true;
  version.folder = std::filesystem::canonical(folder).string();
  read_contents(version, folder, known, progress, [&folder](const auto& counted) {
    return model_config::content_digest(folder, counted);
  });
  base::Json described = {{"architecture", config.model_type}, {"quantization", nullptr}};
  if (config.quantization) {
    described["quantization"] = {
        {"bits", config.quantization->bits},
        {"group_size", config.quantization->group_size},
        {"mode", config.quantization->mode}};
  }
  const std::uint64_t weight_bytes =
      model_config::loaded_bytes(model_config::read_text_weights(folder, config));
  described["context_length"] = config.max_position_embeddings;
  described["chat_template"] = !model_config::chat_template_text(folder).empty();
  described["vocabulary_size"] = config.vocab_size;
  described["layers"] = config.num_hidden_layers;
  described["memory_required_bytes"] =
      model_config::serving_bytes(config, weight_bytes, kUsualContextTokens);
  version.config_json = described.dump();
  return version;
}

registry::NewVersion describe_local_adapter(
    const std::filesystem::path& folder,
    const registry::Version& base,
    const std::vector<artifacts::StoredFile>& known,
    const artifacts::BytesProgress& progress) {
  registry::NewVersion version;
  version.kind = registry::VersionKind::kAdapter;
  version.state = registry::VersionState::kReady;
  version.by_reference = true;
  version.folder = folder.string();
  version.base_version_id = base.id;
  version.parent_version_id = base.id;
  version.config_json = base.config_json;
  read_contents(version, folder, known, progress, [&](const auto& counted) {
    return model_config::adapter_digest(folder, base.digest, counted);
  });
  return version;
}

}  // namespace hub::hub
