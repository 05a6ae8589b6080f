#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/hub/job_kind.h"
#include "core/model_config/evaluate_params.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

// A version's figures on a data set, kept with the evaluation: figures on different
// data sets do not compare.
class EvaluateJob final : public JobKind {
 public:
  explicit EvaluateJob(const JobServices& services) : services_(services) {}

  JobPlan plan(const jobs::Job& job, const std::filesystem::path& /*output_folder*/) override {
    const Json spec = base::parse_json(job.spec_json, "job");
    const auto params = model_config::EvaluateParams::from_json(
        JsonReader(spec).has("params") ? JsonReader(spec).value("params") : Json::object(),
        "params");
    const JobModel model = job_model(services_, job);
    const std::filesystem::path base_folder = services_.artifacts.absolute(model.base.folder);
    const auto config = model_config::ModelConfig::load(base_folder);
    const std::uint64_t weight_bytes =
        model_config::loaded_bytes(model_config::read_text_weights(base_folder, config));

    // Without gradients only weights, one batch's logits and activations are held: far below a
    // training step of the same shape. Answering keeps keys and values instead.
    model_config::FinetuneParams shape;
    // Few data sets have rows as long as the default allows.
    const bool by_default = params.max_seq_length == model_config::EvaluateParams{}.max_seq_length;
    shape.max_seq_length = by_default ? 512 : params.max_seq_length;
    const int batch = params.batch_size.value_or(1);
    std::uint64_t array_bytes = model_config::finetune_bytes(
        config, weight_bytes, shape, batch, shape.max_seq_length, services_.device.activations());
    if (params.task == "exact_match") {
      const int length =
          std::min(params.max_seq_length + params.max_tokens, config.max_position_embeddings);
      array_bytes = model_config::serving_bytes(
          config, weight_bytes, static_cast<std::uint64_t>(length) * model_config::kAnsweredAtOnce);
    }
    JobPlan plan;
    plan.estimated_bytes = model_config::worker_bytes(array_bytes);
    Json worker_spec = worker_spec_head(services_, job, model);
    worker_spec["params"] = params.to_json();
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
