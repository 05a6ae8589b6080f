#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/job_kind.h"
#include "core/hub/local_model.h"
#include "core/hub/stored_version.h"
#include "core/model_config/conversion_estimate.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

// Beside the weights: the tokenizer, and room for what others write meanwhile.
constexpr std::uint64_t kReserveBytes = 64ULL << 20U;

// Merging an adapter into its base, or packing a model's weights: the result is a model folder of
// its own, a version of kind merged or quantized of the output model.
class ConversionJob final : public JobKind {
 public:
  ConversionJob(const JobServices& services, registry::VersionKind makes)
      : services_(services), makes_(makes) {}

  JobPlan plan(const jobs::Job& job, const fs::path& output_folder) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const Json& params = JsonReader(spec).value("params");
    const JobModel model = job_model(services_, job);
    const fs::path folder = services_.artifacts.absolute(model.base.folder);
    const auto config = model_config::ModelConfig::load(folder);
    const auto files = model_config::read_text_weights(folder, config);
    const std::uint64_t parameters = model_config::parameter_count(config, files);
    check_disk(output_folder, written_bytes(params, parameters, files));

    JobPlan plan;
    const std::uint64_t converting =
        model_config::worker_bytes(model_config::conversion_bytes(config));
    plan.estimated_bytes = converting;
    if (JsonReader(params).optional_bool("check").value_or(true)) {
      const std::uint64_t weights =
          std::max(model_config::loaded_bytes(files), unpacks(params) ? 4 * parameters : 0);
      plan.estimated_bytes = std::max(
          converting, model_config::worker_bytes(model_config::check_bytes(config, weights)));
    }
    // The comparison is left out where it cannot fit; the worker goes by what it is granted.
    if (plan.estimated_bytes > services_.ledger.budget_bytes()) {
      plan.estimated_bytes = converting;
    }
    Json worker_spec = worker_spec_head(services_, job, model);
    worker_spec["params"] = params;
    worker_spec["output_folder"] = output_folder.string();
    plan.worker_spec = worker_spec.dump(2) + "\n";
    return plan;
  }

  std::optional<jobs::JobResult> finish(const jobs::Job& job, const Json& result) override {
    return store(job, result)();
  }

  // The files are moved into the store and read for the digest before the transaction.
  WriteRows store(const jobs::Job& job, const Json& result) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const JsonReader output(JsonReader(spec).value("output"), "output");
    const std::string name = output.string("name");
    const auto alias = output.optional_string("alias");
    const std::optional<registry::Model> model = services_.models.find_model(name);
    const std::string model_id = model ? model->id : base::new_id();
    const std::int64_t number = model ? services_.models.next_number(model->id) : 1;
    const registry::NewVersion version =
        stored_version(job, result, model_id, fmt::format("v{}", number));
    return [this, &job, name, alias, model, model_id, number, version] {
      return write_rows(job, name, alias, model, model_id, number, version);
    };
  }

 private:
  [[nodiscard]] bool unpacks(const Json& params) const {
    return makes_ == registry::VersionKind::kMerged &&
           JsonReader(params).optional_bool("dequantize").value_or(false);
  }

  // At most: float32 when it is unpacked, a little over 8 bits a parameter when it is packed.
  [[nodiscard]] std::uint64_t written_bytes(
      const Json& params,
      std::uint64_t parameters,
      const std::vector<model_config::WeightFile>& files) const {
    if (unpacks(params)) {
      return 4 * parameters;
    }
    return makes_ == registry::VersionKind::kMerged ? model_config::tensor_bytes(files)
                                                    : parameters / 4 * 5;
  }

  static void check_disk(const fs::path& folder, std::uint64_t bytes) {
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    if (!error && space.available < bytes + kReserveBytes) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "the result may take {} bytes on disk and {} are free in the data folder",
              bytes + kReserveBytes,
              space.available),
          {},
          "insufficient_disk");
    }
  }

  registry::NewVersion stored_version(
      const jobs::Job& job,
      const Json& result,
      const std::string& model_id,
      const std::string& tag) {
    const fs::path folder = JsonReader(result).string("model_folder");
    const registry::Version source = services_.models.get_version(job.version_id.value_or(""));
    const std::string metrics_json = metrics(result).dump();
    registry::NewVersion version = store_version(
        services_.artifacts,
        artifacts::ArtifactStore::files_to_move(folder),
        model_id,
        tag,
        [](const fs::path& place, const std::vector<artifacts::StoredFile>& stored) {
          return describe_local_model(place, stored);
        });
    version.kind = makes_;
    version.parent_version_id = source.id;
    version.job_id = job.id;
    version.dataset_id = source.dataset_id;
    version.dataset_digest = source.dataset_digest;
    version.metrics_json = metrics_json;
    return version;
  }

  jobs::JobResult write_rows(
      const jobs::Job& job,
      const std::string& name,
      const std::optional<std::string>& alias,
      const std::optional<registry::Model>& model,
      const std::string& model_id,
      std::int64_t number,
      registry::NewVersion version) {
    try {
      version.number = number;
      registry::Version made;
      if (model) {
        made = services_.models.add_version(model_id, version);
      } else {
        const registry::Version source = services_.models.get_version(job.version_id.value_or(""));
        services_.models.add_model(
            {.name = name,
             .base_model = source.model_name,
             .description = fmt::format(
                 "{} by job {}",
                 makes_ == registry::VersionKind::kMerged ? "Merged" : "Quantized",
                 job.id),
             .tags_json = "{}",
             .id = model_id},
            version);
        made = services_.models.newest_ready(model_id).value();
      }
      if (alias) {
        services_.aliases.set(model_id, *alias, number);
      }
      return {name, number, made.id};
    } catch (const Error& error) {
      // Where the disk is full the rows are tried again, and the files stay for them.
      if (error.code() != ErrorCode::kUnavailable) {
        services_.artifacts.remove(model_id, fmt::format("v{}", number));
      }
      throw;
    }
  }

  // Every figure of the worker's result that says something about the version.
  static Json metrics(const Json& result) {
    static const std::set<std::string_view> of_the_job{"size_bytes", "seconds"};
    Json metrics = Json::object();
    for (const auto& [name, value] : result.items()) {
      if (value.is_number() && !of_the_job.contains(name)) {
        metrics[name] = value;
      }
    }
    return metrics;
  }

  const JobServices services_;
  const registry::VersionKind makes_;
};

}  // namespace

std::unique_ptr<JobKind> make_merge_job(const JobServices& services) {
  return std::make_unique<ConversionJob>(services, registry::VersionKind::kMerged);
}

std::unique_ptr<JobKind> make_quantize_job(const JobServices& services) {
  return std::make_unique<ConversionJob>(services, registry::VersionKind::kQuantized);
}

}  // namespace hub::hub
