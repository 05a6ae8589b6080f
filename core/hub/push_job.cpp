#include "core/hub/push_job.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"
#include "core/hf/upload.h"
#include "core/hub/model_card.h"
#include "core/hub/rate.h"
#include "core/hub/scratch_folder.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

constexpr const char* kCardFile = "README.md";
constexpr const char* kNoteFile = "mlx_hub.json";
constexpr const char* kAdapterConfig = "adapter_config.json";

// mlx-lm writes its whole command line into adapter_config.json; paths of this machine stay here.
std::string without_paths(const std::string& text, const std::string& base_name) {
  const auto parsed = base::parse_json_if_valid(text);
  if (!parsed || !parsed->is_object()) {
    return text;
  }
  const auto is_path = [](const Json& value) {
    if (!value.is_string()) {
      return false;
    }
    const auto& string = value.get_ref<const std::string&>();
    return string.starts_with('/') || string.starts_with('~') || string.starts_with('.');
  };
  bool changed = false;
  Json kept = Json::object();
  for (const auto& [key, value] : parsed->items()) {
    if (!is_path(value)) {
      kept[key] = value;
    } else {
      changed = true;
      if (key == "model" && !base_name.empty()) {
        kept[key] = base_name;
      }
    }
  }
  return changed ? kept.dump(4) + "\n" : text;
}

// A file of ours to upload.
hf::LocalFile write(
    const ScratchFolder& scratch, const std::string& name, const std::string& bytes) {
  const fs::path file = scratch.path() / name;
  base::write_file_atomically(file, bytes);
  return {name, file, static_cast<std::int64_t>(bytes.size()), base::sha256_hex(bytes)};
}

class PushKind final : public HostJobKind {
 public:
  PushKind(
      std::function<hf::Settings()> settings,
      registry::ModelRegistry& models,
      jobs::JobQueue& queue,
      const artifacts::ArtifactStore& artifacts,
      fs::path scratch_folder)
      : settings_(std::move(settings)),
        models_(models),
        queue_(queue),
        artifacts_(artifacts),
        scratch_folder_(std::move(scratch_folder)) {}

  HostJobEnd run(const jobs::Job& job, HostJobContext& context) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const base::JsonReader reader(spec);
    const CardFacts facts = facts_of(job, reader.string("repository"));
    const ScratchFolder scratch(scratch_folder_, "push");
    const std::vector<hf::LocalFile> files = files_of(facts, scratch);
    hf::Upload upload(settings_(), facts.repository, &context.stop());
    upload.create_repository(reader.optional_bool("private").value_or(false));
    std::int64_t total = 0;
    for (const hf::LocalFile& file : files) {
      total += file.size;
    }
    Rate rate;
    const hf::Commit commit = upload.commit(
        reader.string("branch"), files, reader.string("message"), [&](std::int64_t sent) {
          const auto speed = rate.update(sent);
          context.progress(
              sent,
              total,
              speed && *speed > 0 ? std::optional(static_cast<double>(total - sent) / *speed)
                                  : std::nullopt,
              {{"unit", "bytes"},
               {"files_total", files.size()},
               {"bytes_per_second", speed ? Json(*speed) : Json(nullptr)}},
              sent == total);
        });
    HostJobEnd end;
    end.result_json = Json{
        {"repository", facts.repository},
        {"commit", commit.oid},
        {"url", commit.url},
        {"total_bytes",
         total}}.dump();
    return end;
  }

 private:
  CardFacts facts_of(const jobs::Job& job, const std::string& repository) const {
    CardFacts facts;
    facts.repository = repository;
    facts.version = models_.get_version(job.version_id.value_or(""));
    facts.model = models_.get_model(facts.version.model_id);
    if (facts.version.base_version_id) {
      facts.base = models_.get_version(*facts.version.base_version_id);
    }
    const registry::Version& origin = facts.base ? *facts.base : facts.version;
    facts.base_on_hub = repository_of(origin);
    if (facts.version.job_id) {
      try {
        facts.job = queue_.get(*facts.version.job_id);
      } catch (const Error&) {
        facts.job = std::nullopt;  // it was removed; what it made stays
      }
    }
    return facts;
  }

  // Where the version came from on the Hub.
  [[nodiscard]] std::optional<std::string> repository_of(const registry::Version& version) const {
    const Json config = Json::parse(version.config_json, nullptr, false);
    const Json::json_pointer place("/source/repository");
    if (config.contains(place) && config[place].is_string()) {
      return config[place].get<std::string>();
    }
    const std::string named = models_.get_model(version.model_id).base_model;
    return hf::is_repository(named) ? std::optional(named) : std::nullopt;
  }

  [[nodiscard]] std::vector<hf::LocalFile> files_of(
      const CardFacts& facts, const ScratchFolder& scratch) const {
    std::vector<hf::LocalFile> files{
        write(scratch, kCardFile, model_card(facts)),
        write(scratch, kNoteFile, provenance_note(facts))};
    const std::string base_name =
        facts.base_on_hub.value_or(facts.base ? facts.base->model_name : "");
    for (const registry::VersionFile& file : facts.version.files) {
      if (file.name == kCardFile || file.name == kNoteFile ||
          !(hf::is_description(artifacts::published_name(file.name)) ||
            hf::is_weights(file.name))) {
        continue;
      }
      const fs::path path = artifacts_.open(facts.version.folder, file.name);
      if (file.name == kAdapterConfig) {
        files.push_back(write(scratch, file.name, without_paths(base::read_file(path), base_name)));
      } else {
        files.push_back({artifacts::published_name(file.name), path, file.size_bytes, file.sha256});
      }
    }
    return files;
  }

  const std::function<hf::Settings()> settings_;
  registry::ModelRegistry& models_;
  jobs::JobQueue& queue_;
  const artifacts::ArtifactStore& artifacts_;
  const fs::path scratch_folder_;
};

}  // namespace

jobs::NewJob make_push_job(const registry::Version& version, const PushRequest& request) {
  jobs::NewJob job;
  job.kind = "push";
  job.lane = jobs::kHostLane;
  job.model = fmt::format("{}:{}", version.model_name, version.number);
  job.model_id = version.model_id;
  job.version_id = version.id;
  job.spec_json =
      Json{
          {"type", "push"},
          {"repository", request.repository},
          {"branch", request.branch},
          {"message", request.message},
          {"private", request.is_private}}
          .dump(-1, ' ', false, Json::error_handler_t::replace);
  return job;
}

std::unique_ptr<HostJobKind> make_push_kind(
    std::function<hf::Settings()> settings,
    registry::ModelRegistry& models,
    jobs::JobQueue& queue,
    const artifacts::ArtifactStore& artifacts,
    const fs::path& scratch_folder) {
  return std::make_unique<PushKind>(std::move(settings), models, queue, artifacts, scratch_folder);
}

}  // namespace hub::hub
