#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/hub/job_kind.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/weight_files.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

// Loss and perplexity of a version on a data set, kept with the evaluation: figures on different
// data sets do not compare.
class EvaluateJob final : public JobKind {
 public:
  explicit EvaluateJob(const JobServices& services) : services_(services) {}

  JobPlan plan(const jobs::Job& job, const std::filesystem::path& /*output_folder*/) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const Json params =
        JsonReader(spec).has("params") ? JsonReader(spec).value("params") : Json::object();
    const JobModel model = job_model(services_, job);
    const std::filesystem::path base_folder = services_.artifacts.absolute(model.base.folder);
    const auto config = model_config::ModelConfig::load(base_folder);
    const std::uint64_t weight_bytes =
        model_config::loaded_bytes(model_config::read_weight_files(base_folder));

    JobPlan plan;
    const JsonReader reader(params, "params");
    // Without gradients only weights, one batch's logits and activations are held: far below a
    // training step of the same shape.
    model_config::FinetuneParams shape;
    shape.max_seq_length =
        static_cast<int>(reader.optional_int("max_seq_length", 1, 1 << 20).value_or(512));
    const int batch = static_cast<int>(reader.optional_int("batch_size", 1, 4096).value_or(1));
    plan.estimated_bytes = model_config::worker_bytes(
        model_config::finetune_bytes(config, weight_bytes, shape, batch, shape.max_seq_length));
    Json worker_spec = worker_spec_head(services_, job, model);
    worker_spec["params"] = params;
    plan.worker_spec = worker_spec.dump(2) + "\n";
    return plan;
  }

  std::optional<jobs::JobResult> finish(const jobs::Job& job, const Json& result) override {
    services_.evaluations.finish(job.id, result);
    return std::nullopt;
  }

 private:
  const JobServices services_;
};

}  // namespace

std::unique_ptr<JobKind> make_evaluate_job(const JobServices& services) {
  return std::make_unique<EvaluateJob>(services);
}

}  // namespace hub::hub
