#include <nlohmann/json.hpp>

#include "api/handlers/dataset_source.h"
#include "api/handlers/job_inputs.h"
#include "api/handlers/job_request.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/finetune_plan.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr int kJobsLookedAt = 100;

// What the job was for; jobs of before there was a choice have none in their params.
std::string objective_of(const jobs::Job& job) {
  const Json spec = stored_json(job.spec_json);
  const auto params = spec.find("params");
  return params != spec.end() && params->is_object() ? params->value("objective", "sft") : "sft";
}

// Trained tokens a second of the newest finished job on the same version with the same objective;
// nullopt when there is none.
std::optional<double> measured_speed(
    hub::Hub& hub, const std::string& version_id, const std::string& objective) {
  jobs::JobFilter filter;
  filter.kind = "finetune";
  filter.state = jobs::JobState::kCompleted;
  filter.limit = kJobsLookedAt;
  for (const jobs::Job& job : hub.queue.list(filter)) {
    if (job.version_id == version_id && objective_of(job) == objective) {
      const Json metrics = stored_json(job.metrics_json);
      const auto speed = metrics.find("tokens_per_second");
      if (speed != metrics.end() && speed->is_number() && speed->get<double>() > 0.0) {
        return speed->get<double>();
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Json dry_run(hub::Hub& hub, const Json& json) {
  const JsonReader body(json);
  if (body.optional_string("type").value_or("") != "finetune") {
    throw Error(ErrorCode::kInvalidArgument, "'dry_run' is for jobs of type finetune", "dry_run");
  }
  body.refuse_unknown(
      {"type", "model", "dataset", "params", "output", "timeout_seconds", "priority"});
  const Json* given = body.optional_object("params");
  const auto params =
      model_config::FinetuneParams::from_json(given != nullptr ? *given : Json::object(), "params");
  hub.rank_hosts.check(params.data_parallel);
  static_cast<void>(read_output_names(body));
  JobInputs inputs = read_model_input(hub, body, "model");
  read_dataset_input(hub, body, "dataset", inputs);
  if (inputs.pull) {
    throw Error(
        ErrorCode::kConflict,
        "'dry_run' needs the model's weights, which are not here yet",
        "model",
        "model_not_ready");
  }
  const std::uint64_t budget = hub.ledger.budget_bytes();
  const hub::FinetunePlan plan = hub::plan_finetune(
      hub.artifacts.absolute(inputs.model.base.folder),
      dataset_path(hub, *inputs.dataset),
      params,
      budget,
      hub.rank_hosts.local_ranks(params.data_parallel),
      hub.device.activations());
  const auto& version = inputs.model.adapter ? *inputs.model.adapter : inputs.model.base;
  const auto speed = measured_speed(hub, version.id, params.objective);
  Json answer = {
      {"parameters", plan.parameters},
      {"trainable_parameters", plan.trainable_parameters},
      {"rows", plan.rows},
      {"packed_rows", plan.packed_rows},
      {"eval_rows", plan.eval_rows},
      {"skipped_rows", plan.skipped_rows},
      {"tokens", plan.tokens},
      {"trained_tokens", plan.trained_tokens},
      {"batch_size", plan.batch_size},
      {"grad_accumulation_steps", plan.accumulation},
      {"steps", plan.steps},
      {"epochs", plan.epochs},
      {"estimated_bytes", plan.estimated_bytes},
      {"memory", plan.memory.to_json()},
      {"budget_bytes", budget},
      {"fits_memory", plan.estimated_bytes <= budget},
      {"tokens_per_second", nullptr},
      {"estimated_seconds", nullptr},
      {"params", params.to_json()}};
  if (speed) {
    answer["tokens_per_second"] = *speed;
    answer["estimated_seconds"] = static_cast<double>(plan.trained_tokens) * plan.epochs / *speed;
  }
  return answer;
}

}  // namespace hub::api
