#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/finetune_estimate.h"
#include "core/hub/job_kind.h"
#include "core/model_config/content_digest.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

// The range of a figure that may be anything finite.
constexpr double kAnything = 1e300;

// A LoRA or QLoRA job: its result is a version of kind adapter of the output model.
class FinetuneJob final : public JobKind {
 public:
  explicit FinetuneJob(const JobServices& services) : services_(services) {}

  JobPlan plan(const jobs::Job& job, const std::filesystem::path& output_folder) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const auto params =
        model_config::FinetuneParams::from_json(JsonReader(spec).value("params"), "params");
    const JobModel model = job_model(services_, job);
    // A job that is done again has the batches that it came to, whatever memory there is now.
    auto sized = params;
    const auto settled = JsonReader(spec).optional_int("settled_batch_size", 1, INT32_MAX);
    if (settled && !sized.batch_size) {
      sized.batch_size = static_cast<int>(*settled);
    }
    const std::filesystem::path base_folder = services_.artifacts.absolute(model.base.folder);
    const FinetuneEstimate estimate(
        base_folder, dataset_path(job), sized, services_.device.activations());
    JobPlan plan;
    // With an automatic batch size the trainer fits itself into what is granted.
    const auto ranks = static_cast<std::uint64_t>(params.data_parallel);
    plan.ranks = params.data_parallel;
    plan.estimated_bytes =
        estimate.comfortable_bytes(sized, services_.ledger.budget_bytes() / 2 / ranks);
    plan.memory_key = fmt::format(
        "finetune {} {} {} {}",
        model.base.digest,
        job.dataset_id.value_or(""),
        plan.estimated_bytes,
        base::sha256_hex(sized.to_json().dump()));
    Json worker_spec = worker_spec_head(services_, job, model);
    worker_spec["params"] = params.to_json();
    if (settled) {
      worker_spec["settled_batch_size"] = *settled;
    }
    worker_spec["output_folder"] = output_folder.string();
    plan.preferred_bytes =
        plan.estimated_bytes + (plan.estimated_bytes - estimate.weight_bytes()) / 2;
    plan.worker_spec = worker_spec.dump(2) + "\n";
    return plan;
  }

  std::optional<jobs::JobResult> finish(const jobs::Job& job, const Json& result) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const JsonReader output(JsonReader(spec).value("output"), "output");
    const std::string name = output.string("name");
    const JobModel trained_from = job_model(services_, job);
    const std::filesystem::path folder = JsonReader(result).string("adapter_folder");

    std::optional<registry::Model> model = services_.models.find_model(name);
    const std::string model_id = model ? model->id : base::new_id();
    const std::int64_t number = model ? services_.models.next_number(model->id) : 1;
    const std::string tag = fmt::format("v{}", number);

    registry::NewVersion version;
    version.kind = registry::VersionKind::kAdapter;
    version.state = registry::VersionState::kReady;
    version.digest = model_config::adapter_digest(folder, trained_from.base.digest);
    version.base_version_id = trained_from.base.id;
    version.parent_version_id =
        trained_from.adapter ? trained_from.adapter->id : trained_from.base.id;
    version.job_id = job.id;
    version.dataset_id = job.dataset_id;
    version.dataset_digest = services_.datasets.get(job.dataset_id.value_or("")).digest;
    version.config_json = trained_from.base.config_json;
    version.metrics_json = metrics(result).dump();
    version.number = number;
    // What a try left whose rows could not be written: the number is nobody's yet.
    services_.artifacts.remove(model_id, tag);
    for (const auto& file : services_.artifacts.import_folder(folder, model_id, tag)) {
      version.files.push_back({file.name, file.size_bytes, file.sha256, file.inode, file.mtime_ns});
    }
    version.folder = artifacts::ArtifactStore::relative_folder(model_id, tag);

    registry::Version made;
    if (model) {
      made = services_.models.add_version(model_id, version);
    } else {
      services_.models.add_model(
          {.name = name,
           .base_model = trained_from.base.model_name,
           .description = fmt::format("Trained by job {}", job.id),
           .tags_json = "{}",
           .id = model_id},
          version);
      made = services_.models.newest_ready(model_id).value();
    }
    if (const auto alias = output.optional_string("alias")) {
      services_.aliases.set(model_id, *alias, number);
    }
    return jobs::JobResult{name, number, made.id};
  }

 private:
  [[nodiscard]] std::filesystem::path dataset_path(const jobs::Job& job) const {
    return services_.artifacts.absolute(services_.datasets.get(job.dataset_id.value_or("")).path);
  }

  static Json metrics(const Json& result) {
    Json metrics = Json::object();
    const JsonReader reader(result);
    for (const char* name :
         {"train_loss",
          "eval_loss_before",
          "eval_loss_after",
          "trained_tokens",
          "steps",
          "seconds"}) {
      if (const auto value = reader.optional_number(name, -kAnything, kAnything)) {
        metrics[name] = *value;
      }
    }
    if (const auto loss = reader.optional_number("eval_loss_after", -kAnything, kAnything)) {
      metrics["eval_loss"] = *loss;  // the name that alias gates compare
    }
    return metrics;
  }

  const JobServices services_;
};

}  // namespace

std::unique_ptr<JobKind> make_finetune_job(const JobServices& services) {
  return std::make_unique<FinetuneJob>(services);
}

std::filesystem::path training_state_file(
    const std::filesystem::path& jobs_folder, const std::string& job_id) {
  return jobs_folder / job_id / "output" / "state.safetensors";  // api/worker/finetune_job.cpp
}

}  // namespace hub::hub
