#include "api/handlers/job_request.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/conversion_request.h"
#include "api/handlers/dataset_source.h"
#include "api/handlers/job_inputs.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/finetune_estimate.h"
#include "core/model_config/evaluate_params.h"
#include "core/model_config/finetune_params.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;
using model_config::FinetuneParams;

JobInputs read_inputs(
    hub::Hub& hub, const JsonReader& body, const char* model_field, const char* dataset_field) {
  JobInputs inputs = read_model_input(hub, body, model_field);
  read_dataset_input(hub, body, dataset_field, inputs);
  return inputs;
}

// What the job takes by its estimate. Refuses at once what would not fit even alone.
std::uint64_t check_memory(hub::Hub& hub, const JobInputs& inputs, const FinetuneParams& params) {
  const hub::FinetuneEstimate estimate(
      hub.artifacts.absolute(inputs.model.base.folder),
      dataset_path(hub, *inputs.dataset),
      params,
      hub.device.activations());
  const auto ranks = static_cast<std::uint64_t>(hub.rank_hosts.local_ranks(params.data_parallel));
  const std::uint64_t bytes = estimate.process_bytes(params) * ranks;
  const std::uint64_t budget = hub.ledger.budget_bytes();
  if (bytes <= budget) {
    return bytes;
  }
  const std::string setting = estimate.setting_that_fits(params, budget / ranks);
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "this job needs about {} bytes and the memory budget is {} bytes, even with nothing else "
          "loaded; {}",
          bytes,
          budget,
          setting.empty() ? "no setting of it fits: use a smaller or more quantized model"
                          : fmt::format("it fits with params {{{}}}", setting)),
      "params",
      "insufficient_memory");
}

// {"name","alias"}: where the adapter goes. A name that exists must be adapters of the same base.
Json read_output(
    hub::Hub& hub, const JsonReader& body, const JobInputs& inputs, const std::string& job_id) {
  JobOutput output = read_output_names(body);
  std::string& name = output.name;
  if (name.empty()) {
    // The end of the id: its beginning is the time, equal for jobs of one second.
    name = fmt::format(
        "{}-{}", inputs.model.base.model_name.substr(0, 91), job_id.substr(job_id.size() - 8));
  }
  if (const auto existing = hub.models.find_model(name)) {
    const auto newest = hub.models.newest_ready(existing->id);
    if (!newest || newest->kind != registry::VersionKind::kAdapter) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format(
              "'output.name': model '{}' is registered already and holds no adapters", name),
          "output.name",
          "model_exists");
    }
    const registry::Version base = hub.models.get_version(newest->base_version_id.value_or(""));
    if (base.model_id != inputs.model.base.model_id) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format(
              "'output.name': '{}' holds adapters of '{}', this job trains one of '{}'",
              name,
              base.model_name,
              inputs.model.base.model_name),
          "output.name",
          "model_exists");
    }
  }
  return output.to_json();
}

JobRequest finetune_request(
    hub::Hub& hub, const JsonReader& body, const JobInputs& inputs, const Json& params_json) {
  const FinetuneParams params = FinetuneParams::from_json(params_json, "params");
  hub.rank_hosts.check(params.data_parallel);
  JobRequest request;
  request.job = new_job("finetune", inputs, body);
  const Json output = read_output(hub, body, inputs, *request.job.id);
  request.pull = inputs.pull;
  if (!inputs.pull) {
    request.job.estimated_bytes = static_cast<std::int64_t>(check_memory(hub, inputs, params));
  }
  request.job.spec_json = Json{
      {"type", "finetune"},
      {"model", inputs.asked},
      {"dataset", inputs.dataset->name},
      {"params", params.to_json()},
      {"output", output}}.dump();
  return request;
}

JobRequest evaluation_request(const JobInputs& inputs, const JsonReader& body) {
  const Json* given = body.optional_object("params");
  const Json params =
      model_config::EvaluateParams::from_json(given != nullptr ? *given : Json::object(), "params")
          .to_json();
  JobRequest request;
  request.job = new_job("evaluate", inputs, body);
  request.pull = inputs.pull;
  request.job.spec_json = Json{
      {"type", "evaluate"},
      {"model", inputs.asked},
      {"dataset", inputs.dataset->name},
      {"params", params}}.dump();
  registry::Evaluation evaluation;
  evaluation.job_id = *request.job.id;
  evaluation.model = inputs.asked;
  evaluation.version_id = *request.job.version_id;
  evaluation.dataset_id = inputs.dataset->id;
  evaluation.dataset_digest = inputs.dataset->digest;
  evaluation.params_json = params.dump();
  request.evaluation = evaluation;
  return request;
}

JobRequest read_flat(hub::Hub& hub, const JsonReader& body) {
  body.refuse_unknown({"base_model", "dataset_path", "lora_rank", "epochs"});
  Json params = Json::object();
  if (const auto rank = body.optional_int("lora_rank", 1, 512)) {
    params["rank"] = *rank;
  }
  if (const auto epochs = body.optional_int("epochs", 1, 100'000)) {
    params["epochs"] = *epochs;
  }
  return finetune_request(hub, body, read_inputs(hub, body, "base_model", "dataset_path"), params);
}

}  // namespace

JobRequest read_job_request(hub::Hub& hub, const Json& json) {
  const JsonReader body(json);
  for (const char* flat : {"base_model", "dataset_path", "lora_rank"}) {
    if (json.contains(flat)) {
      return read_flat(hub, body);
    }
  }
  const std::string type = body.string("type");
  if (type == "evaluate") {
    body.refuse_unknown({"type", "model", "dataset", "params", "timeout_seconds", "priority"});
    return evaluation_request(read_inputs(hub, body, "model", "dataset"), body);
  }
  if (type == "merge") {
    return read_merge_request(hub, body);
  }
  if (type == "quantize") {
    return read_quantize_request(hub, body);
  }
  if (type != "finetune") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'type' must be finetune, evaluate, merge or quantize, got \"{}\"", type.substr(0, 60)),
        "type");
  }
  body.refuse_unknown(
      {"type", "model", "dataset", "params", "output", "timeout_seconds", "priority"});
  const Json* given = body.optional_object("params");
  const Json params = given != nullptr ? *given : Json::object();
  // Cheap to say before models and files are looked at.
  static_cast<void>(FinetuneParams::from_json(params, "params"));
  return finetune_request(hub, body, read_inputs(hub, body, "model", "dataset"), params);
}

JobRequest read_evaluation_request(hub::Hub& hub, const Json& json) {
  const JsonReader body(json);
  body.refuse_unknown({"model", "dataset", "params", "timeout_seconds", "priority"});
  return evaluation_request(read_inputs(hub, body, "model", "dataset"), body);
}

jobs::Job enqueue(hub::Hub& hub, JobRequest& request) {
  std::optional<jobs::Job> job;
  hub.database.write([&](db::Connection&) {
    if (request.pull) {
      // The weights may have arrived since the request was read.
      const auto version = hub.models.get_version(request.job.version_id.value());
      if (version.state == registry::VersionState::kPending) {
        const auto model = hub.models.get_model(version.model_id);
        static_cast<void>(hub::join_pull(hub.queue, model, version, *request.pull));
        request.job.waits_for_weights = true;
      }
    }
    job = hub.queue.enqueue(request.job);
    if (request.evaluation) {
      request.evaluation = hub.evaluations.add(*request.evaluation);
    }
  });
  return job.value();
}

}  // namespace hub::api
