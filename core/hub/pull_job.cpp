#include "core/hub/pull_job.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"
#include "core/hf/download.h"
#include "core/hub/local_model.h"
#include "core/hub/rate.h"
#include "core/hub/stored_version.h"
#include "core/model_config/adapter_check.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using artifacts::IncomingFile;
using base::Error;
using base::ErrorCode;
using base::Json;

constexpr int kLongestList = 100'000;
constexpr std::uint64_t kMostNoteBytes = 1U << 20U;

void throw_if_stopped(const HostJobContext& context) {
  if (context.stop()) {
    throw Error(ErrorCode::kCancelled, "the pull was stopped", {}, "cancelled");
  }
}

class PullKind final : public HostJobKind {
 public:
  PullKind(
      const PullPlanner& planner,
      registry::ModelRegistry& models,
      registry::ModelResolver& resolver,
      artifacts::ArtifactStore& artifacts)
      : planner_(planner), models_(models), resolver_(resolver), artifacts_(artifacts) {}

  HostJobEnd run(const jobs::Job& job, HostJobContext& context) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const base::JsonReader reader(spec);
    const std::string repository = reader.string("repository");
    const std::string revision = reader.string("revision");
    PullPlan plan = planner_.plan(
        repository, reader.optional_string("commit").value_or(revision), &context.stop());
    plan.snapshot.revision = revision;
    if (!reader.optional_bool("force").value_or(false)) {
      plan.refuse_unless_fits();
    }
    const registry::Version target = models_.get_version(job.version_id.value_or(""));
    if (target.state == registry::VersionState::kReady && is_same(target, plan)) {
      HostJobEnd end;
      end.result_json = Json{{"commit", plan.snapshot.commit}, {"unchanged", true}}.dump();
      end.finish = [target] {
        return jobs::JobResult{target.model_name, target.number, target.id};
      };
      return end;
    }
    const std::optional<registry::Version> base =
        plan.is_adapter ? std::optional(base_of(plan, reader.optional_string("base")))
                        : std::nullopt;
    return store(job, plan, target, base, gather(plan, context), context);
  }

 private:
  static bool is_same(const registry::Version& version, const PullPlan& plan) {
    const Json config = base::parse_json(version.config_json, "config");
    const auto source = config.find("source");
    return source != config.end() && source->is_object() &&
           source->value("repository", "") == plan.snapshot.repository &&
           source->value("commit", "") == plan.snapshot.commit;
  }

  // Every file of the plan on this machine, its content checked.
  std::vector<IncomingFile> gather(PullPlan& plan, HostJobContext& context) const {
    std::vector<IncomingFile> files;
    std::vector<hf::RemoteFile> missing;
    for (const PlannedFile& file : plan.files) {
      throw_if_stopped(context);
      if (file.source == PlannedFile::Source::kDownload) {
        missing.push_back(file.remote);
        continue;
      }
      const auto sha256 = hf::Cache::verified(file.local, file.remote, context.stop());
      throw_if_stopped(context);
      if (!sha256) {
        obs::log::warning("cached_file_differs", {{"file", file.local.string()}});
        missing.push_back(file.remote);
        continue;
      }
      files.push_back(
          {.name = artifacts::stored_name(file.remote.name),
           .source = file.local,
           .size_bytes = file.remote.size,
           .sha256 = *sha256,
           .how = IncomingFile::How::kShare});
    }
    for (const hf::FetchedFile& file : download(plan, missing, context)) {
      files.push_back(
          {.name = artifacts::stored_name(file.name),
           .source = file.path,
           .size_bytes = file.size,
           .sha256 = file.sha256,
           .how = IncomingFile::How::kMove});
    }
    return files;
  }

  std::vector<hf::FetchedFile> download(
      const PullPlan& plan,
      const std::vector<hf::RemoteFile>& missing,
      HostJobContext& context) const {
    if (missing.empty()) {
      return {};
    }
    const auto total = static_cast<std::int64_t>(plan.total_bytes());
    const int local_files = static_cast<int>(plan.files.size() - missing.size());
    hf::Download transfer(
        planner_.settings(),
        plan.snapshot,
        missing,
        planner_.download_folder(plan.snapshot.repository));
    Rate rate;
    return transfer.run([&](const hf::DownloadProgress& now) {
      const auto speed = rate.update(now.done_bytes);
      const std::int64_t left = now.total_bytes - now.done_bytes;
      const std::optional<double> eta =
          speed && *speed > 0 ? std::optional(static_cast<double>(left) / *speed) : std::nullopt;
      context.progress(
          total - left,
          total,
          eta,
          {{"unit", "bytes"},
           {"files_done", local_files + now.done_files},
           {"files_total", plan.files.size()},
           {"bytes_per_second", speed ? Json(*speed) : Json(nullptr)}},
          left == 0 && now.done_files == now.total_files);
      return !context.stop();
    });
  }

  // The version that an adapter was trained on: the one named, else the one whose digest the
  // adapter's sender wrote down.
  registry::Version base_of(const PullPlan& plan, const std::optional<std::string>& named) const {
    const std::string wanted = note_of(plan, "base_digest");
    if (named) {
      registry::Version base = resolver_.resolve(*named).base;
      if (!wanted.empty() && base.digest != wanted) {
        throw Error(
            ErrorCode::kUnprocessable,
            fmt::format(
                "{} was trained on a base with the digest {}, '{}' has {}",
                plan.snapshot.repository,
                wanted,
                *named,
                base.digest),
            "base",
            "adapter_mismatch");
      }
      return base;
    }
    registry::ListFilter filter;
    filter.limit = kLongestList;
    for (const registry::Version& version :
         wanted.empty() ? std::vector<registry::Version>() : models_.list_versions(filter)) {
      if (version.digest == wanted && version.state == registry::VersionState::kReady &&
          version.kind != registry::VersionKind::kAdapter) {
        return version;
      }
    }
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} is an adapter: say with \"base\" which registered model it was trained on{}",
            plan.snapshot.repository,
            wanted.empty() ? "" : fmt::format(" (none here has the digest {})", wanted)),
        "base",
        "base_required");
  }

  // A text field of mlx_hub.json, which the sender's hub wrote; "" without one.
  std::string note_of(const PullPlan& plan, const std::string& field) const {
    const auto file = std::find_if(plan.files.begin(), plan.files.end(), [](const auto& planned) {
      return planned.remote.name == "mlx_hub.json";
    });
    if (file == plan.files.end()) {
      return {};
    }
    std::string text;
    if (file->local.empty()) {
      hf::Client client(planner_.settings(), plan.snapshot.repository);
      text = client.read(plan.snapshot.commit, file->remote.name, 0, kMostNoteBytes);
    } else {
      text = base::read_file(file->local, kMostNoteBytes);
    }
    const auto note = base::parse_json_if_valid(text);
    return note && note->is_object() && note->contains(field) && note->at(field).is_string()
               ? note->at(field).get<std::string>()
               : std::string();
  }

  HostJobEnd store(
      const jobs::Job& job,
      const PullPlan& plan,
      const registry::Version& target,
      const std::optional<registry::Version>& base,
      const std::vector<IncomingFile>& files,
      HostJobContext& context) const {
    const bool fills = target.state == registry::VersionState::kPending;
    const std::int64_t number = fills ? target.number : models_.next_number(target.model_id);
    const std::string tag = fmt::format("v{}", number);
    const std::string sent_digest = note_of(plan, "digest");
    throw_if_stopped(context);
    const auto stored = artifacts_.import_files(files, target.model_id, tag);
    HostJobEnd end;
    end.undo = [this, model_id = target.model_id, tag] { artifacts_.remove(model_id, tag); };
    try {
      const std::string folder = artifacts::ArtifactStore::relative_folder(target.model_id, tag);
      const fs::path place = artifacts_.absolute(folder);
      if (base) {
        model_config::check_adapter_folder(
            place,
            model_config::ModelConfig::load(artifacts_.absolute(base->folder)),
            base->digest);
      }
      const auto unless_stopped = [&context](std::int64_t, std::int64_t) {
        return !context.stop();
      };
      registry::NewVersion version =
          base ? describe_local_adapter(place, *base, stored, unless_stopped)
               : describe_local_model(place, stored, unless_stopped);
      version.folder = folder;
      version.by_reference = false;
      version.job_id = job.id;
      if (!sent_digest.empty() && sent_digest != version.digest) {
        throw Error(
            ErrorCode::kUnprocessable,
            fmt::format(
                "{}: its sender wrote down the digest {}, the files have {}",
                plan.snapshot.repository,
                sent_digest,
                version.digest),
            {},
            "digest_mismatch");
      }
      set_source(
          version,
          {{"repository", plan.snapshot.repository},
           {"revision", plan.snapshot.revision},
           {"commit", plan.snapshot.commit}},
          "");
      if (!fills) {
        version.number = number;
        version.parent_version_id = target.id;
      }
      end.result_json =
          Json{
              {"commit", plan.snapshot.commit},
              {"unchanged", false},
              {"total_bytes", plan.total_bytes()},
              {"downloaded_bytes", plan.download_bytes()}}
              .dump();
      end.finish = [this, fills, target, version] {
        const registry::Version made = fills ? models_.make_ready(target.id, version)
                                             : models_.add_version(target.model_id, version);
        return jobs::JobResult{made.model_name, made.number, made.id};
      };
    } catch (...) {
      end.undo();
      throw;
    }
    end.clean_up = [done = planner_.download_folder(plan.snapshot.repository)] {
      std::error_code ignored;
      fs::remove_all(done, ignored);
    };
    return end;
  }

  const PullPlanner& planner_;
  registry::ModelRegistry& models_;
  registry::ModelResolver& resolver_;
  artifacts::ArtifactStore& artifacts_;
};

}  // namespace

jobs::NewJob make_pull_job(
    const registry::Model& model, const registry::Version& version, const PullRequest& request) {
  jobs::NewJob job;
  job.kind = jobs::kPullKind;
  job.lane = jobs::kHostLane;
  job.model = model.name;
  job.model_id = model.id;
  job.version_id = version.id;
  Json spec = {
      {"type", jobs::kPullKind},
      {"repository", request.repository},
      {"revision", request.revision},
      {"force", request.force}};
  if (request.commit) {
    spec["commit"] = *request.commit;
  }
  if (request.base) {
    spec["base"] = *request.base;
  }
  job.spec_json = spec.dump();
  return job;
}

std::optional<registry::Version> version_to_pull(
    registry::ModelRegistry& models, const registry::Model& model) {
  registry::ListFilter filter;
  filter.model_id = model.id;
  filter.limit = kLongestList;
  const std::vector<registry::Version> versions = models.list_versions(filter);  // newest first
  const auto pending = std::find_if(versions.begin(), versions.end(), [](const auto& version) {
    return version.state == registry::VersionState::kPending;
  });
  if (pending != versions.end()) {
    return *pending;
  }
  return versions.empty() ? std::nullopt : std::optional(versions.front());
}

jobs::Job join_pull(
    jobs::JobQueue& queue,
    const registry::Model& model,
    const registry::Version& version,
    const PullRequest& request) {
  if (auto live = queue.find_live(jobs::kPullKind, version.id)) {
    return *std::move(live);
  }
  return queue.enqueue(make_pull_job(model, version, request));
}

std::unique_ptr<HostJobKind> make_pull_kind(
    const PullPlanner& planner,
    registry::ModelRegistry& models,
    registry::ModelResolver& resolver,
    artifacts::ArtifactStore& artifacts) {
  return std::make_unique<PullKind>(planner, models, resolver, artifacts);
}

}  // namespace hub::hub
