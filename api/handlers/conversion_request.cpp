#include "api/handlers/conversion_request.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/job_inputs.h"
#include "core/base/error.h"
#include "core/model_config/merge_params.h"
#include "core/model_config/quantize_params.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kLongestName = 100;

Json params_of(const JsonReader& body) {
  const Json* given = body.optional_object("params");
  return given != nullptr ? *given : Json::object();
}

void refuse_unknown(const JsonReader& body) {
  body.refuse_unknown(
      {"type", "model", "dataset", "params", "output", "timeout_seconds", "priority"});
}

// Where the result goes: `<name><suffix>` unless told. A model that holds adapters takes no other
// versions: what serves it would not know its base.
Json read_output(
    hub::Hub& hub, const JsonReader& body, const std::string& name, const std::string& suffix) {
  JobOutput output = read_output_names(body);
  if (output.name.empty()) {
    output.name = name.substr(0, kLongestName - suffix.size()) + suffix;
  }
  const auto existing = hub.models.find_model(output.name);
  const auto newest = existing ? hub.models.newest_ready(existing->id) : std::nullopt;
  if (newest && newest->kind == registry::VersionKind::kAdapter) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("'output.name': model '{}' holds adapters: choose another name", output.name),
        "output.name",
        "model_exists");
  }
  return output.to_json();
}

JobRequest request_of(
    const std::string& type,
    const JobInputs& inputs,
    const JsonReader& body,
    const Json& params,
    const Json& output) {
  JobRequest request;
  request.job = new_job(type, inputs, body);
  request.pull = inputs.pull;
  Json spec = {{"type", type}, {"model", inputs.asked}, {"dataset", nullptr}};
  if (inputs.dataset) {
    spec["dataset"] = inputs.dataset->name;
  }
  spec["params"] = params;
  spec["output"] = output;
  request.job.spec_json = spec.dump();
  return request;
}

std::string bits_suffix(const model_config::QuantizeParams& params) {
  if (!params.recipe.empty()) {
    return "-" + params.recipe;
  }
  const auto& quantization = params.quantization;
  return quantization.mode == "affine" ? fmt::format("-{}bit", quantization.bits)
                                       : "-" + quantization.mode;
}

}  // namespace

JobRequest read_merge_request(hub::Hub& hub, const JsonReader& body) {
  refuse_unknown(body);
  const auto params = model_config::MergeParams::from_json(params_of(body), "params");
  JobInputs inputs = read_model_input(hub, body, "model");
  if (!inputs.model.adapter) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'model' must be an adapter to be merged into its base; \"{}\" is none",
            inputs.asked.substr(0, 200)),
        "model");
  }
  if (body.has("dataset")) {
    read_dataset_input(hub, body, "dataset", inputs);
  } else if (const auto& trained_on = inputs.model.adapter->dataset_id) {
    inputs.dataset = hub.datasets.find(*trained_on);
  }
  const Json output = read_output(hub, body, inputs.model.adapter->model_name, "-merged");
  return request_of("merge", inputs, body, params.to_json(), output);
}

JobRequest read_quantize_request(hub::Hub& hub, const JsonReader& body) {
  refuse_unknown(body);
  const auto params = model_config::QuantizeParams::from_json(params_of(body), "params");
  JobInputs inputs = read_model_input(hub, body, "model");
  if (inputs.model.adapter) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'model' must have weights of its own; \"{}\" is an adapter: merge it first",
            inputs.asked.substr(0, 200)),
        "model");
  }
  if (body.has("dataset")) {
    read_dataset_input(hub, body, "dataset", inputs);
  }
  const Json output = read_output(hub, body, inputs.model.base.model_name, bits_suffix(params));
  return request_of("quantize", inputs, body, params.to_json(), output);
}

}  // namespace hub::api
