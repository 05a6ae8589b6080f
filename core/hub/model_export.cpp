#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/artifacts/tar_file.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/hub/model_archive.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

[[noreturn]] void corrupt(const registry::Version& version, const std::string& why) {
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "version {} of '{}' cannot be exported: {}; verify, replace or remove it",
          version.number,
          version.model_name,
          why),
      "id",
      "model_corrupt");
}

// What another hub finds the same version by.
Json reference(registry::ModelRegistry& models, const std::optional<std::string>& version_id) {
  if (!version_id) {
    return nullptr;
  }
  const registry::Version version = models.get_version(*version_id);
  return {
      {"version_id", version.id},
      {"model", version.model_name},
      {"version", version.number},
      {"digest", version.digest}};
}

}  // namespace

ModelExport::ModelExport(
    const ArchiveServices& services, std::string_view id_or_name, std::int64_t now_ms) {
  const registry::ModelEntry entry = services.catalog.model(id_or_name);
  name_ = entry.model.name;
  Json versions = Json::array();
  // Oldest first, so that what a version was made from comes before it.
  for (auto version = entry.versions.rbegin(); version != entry.versions.rend(); ++version) {
    add_version(services, services.models.get_version(version->id), versions);
  }
  Json aliases = Json::object();
  for (const registry::Alias& alias : entry.aliases) {
    aliases[alias.alias] = alias.number;
  }
  Json files = Json::array();
  for (const File& file : files_) {
    files.push_back({{"sha256", file.sha256}, {"size_bytes", file.size_bytes}});
  }
  const Json manifest = {
      {"format", kArchiveFormat},
      {"schema", kArchiveSchema},
      {"hub_version", HUB_VERSION},
      {"exported_at", base::rfc3339(now_ms)},
      {"model",
       {{"id", entry.model.id},
        {"name", entry.model.name},
        {"base_model", entry.model.base_model},
        {"description", entry.model.description},
        {"tags", Json::parse(entry.model.tags_json)},
        {"created_at", base::rfc3339(entry.model.created_at_ms)}}},
      {"versions", std::move(versions)},
      {"aliases", std::move(aliases)},
      {"files", std::move(files)}};
  manifest_ = manifest.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void ModelExport::add_version(
    const ArchiveServices& services, const registry::Version& version, Json& versions) {
  if (version.state == registry::VersionState::kCorrupt) {
    corrupt(version, version.state_reason);
  }
  const std::filesystem::path folder = services.artifacts.absolute(version.folder);
  Json files = Json::array();
  for (const registry::VersionFile& file : version.files) {
    files.push_back(
        {{"name", file.name}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
    const auto look = artifacts::glance_at(
        folder / file.name, {file.name, file.size_bytes, file.sha256, file.inode, file.mtime_ns});
    if (look.glance == artifacts::Glance::kWrong) {
      corrupt(version, look.problem);
    }
    const bool known = std::any_of(
        files_.begin(), files_.end(), [&](const File& one) { return one.sha256 == file.sha256; });
    if (!known) {
      files_.push_back({file.sha256, file.size_bytes, folder / file.name});
    }
  }
  versions.push_back(
      {{"version_id", version.id},
       {"version", version.number},
       {"kind", registry::to_string(version.kind)},
       {"state", registry::to_string(version.state)},
       {"digest", version.digest},
       {"config", Json::parse(version.config_json)},
       {"metrics", Json::parse(version.metrics_json)},
       {"created_at", base::rfc3339(version.created_at_ms)},
       {"base", reference(services.models, version.base_version_id)},
       {"lineage",
        {{"parent", reference(services.models, version.parent_version_id)},
         {"job_id", version.job_id ? Json(*version.job_id) : Json(nullptr)},
         {"dataset_id", version.dataset_id ? Json(*version.dataset_id) : Json(nullptr)},
         {"dataset_digest", version.dataset_digest}}},
       {"files", std::move(files)}});
}

void ModelExport::write(const std::function<bool(std::string_view)>& sink) const {
  artifacts::TarWriter archive(sink);
  archive.add(kArchiveManifest, manifest_);
  for (const File& file : files_) {
    archive.add_file("files/" + file.sha256, file.path, file.size_bytes, file.sha256);
  }
  archive.finish();
}

}  // namespace hub::hub
