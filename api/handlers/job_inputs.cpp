#include "api/handlers/job_inputs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/capabilities.h"
#include "api/handlers/dataset_source.h"
#include "api/handlers/pulls.h"
#include "core/base/error.h"
#include "core/base/ids.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kMostSeconds = 365LL * 24 * 3600;
constexpr int kMostPriority = 1000;

}  // namespace

JobInputs read_model_input(hub::Hub& hub, const JsonReader& body, const char* field) {
  JobInputs inputs;
  inputs.asked = body.string(field);
  try {
    inputs.model = hub.resolver.resolve(inputs.asked);
  } catch (const Error& error) {
    const auto pending =
        error.reason() == "model_not_ready" ? find_pending(hub, inputs.asked) : std::nullopt;
    if (!pending) {
      throw Error(error.code(), error.what(), field, error.reason());
    }
    inputs.model.base = pending->version;
    inputs.pull = hub::PullRequest{.repository = pending->model.base_model};
  }
  if (!makes_text(inputs.model.base)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' is a text encoder: it makes embeddings, and jobs need a model with a next token",
            inputs.asked),
        field,
        "model_makes_embeddings_only");
  }
  return inputs;
}

void read_dataset_input(
    hub::Hub& hub, const JsonReader& body, const char* field, JobInputs& inputs) {
  inputs.dataset = find_or_add_dataset(hub, body.string(field), field);
  if (inputs.dataset->rows == 0) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("data set '{}' has no usable row", inputs.dataset->name),
        field,
        "dataset_empty");
  }
}

jobs::NewJob new_job(const std::string& kind, const JobInputs& inputs, const JsonReader& body) {
  jobs::NewJob job;
  job.id = base::new_id();
  job.kind = kind;
  job.model = inputs.asked;
  const registry::Version& version =
      inputs.model.adapter ? *inputs.model.adapter : inputs.model.base;
  job.model_id = version.model_id;
  job.version_id = version.id;
  if (inputs.dataset) {
    job.dataset_id = inputs.dataset->id;
  }
  job.priority =
      static_cast<int>(body.optional_int("priority", -kMostPriority, kMostPriority).value_or(0));
  job.timeout_seconds = body.optional_int("timeout_seconds", 1, kMostSeconds);
  return job;
}

Json JobOutput::to_json() const {
  Json output = {{"name", name}, {"alias", nullptr}};
  if (alias) {
    output["alias"] = *alias;
  }
  return output;
}

JobOutput read_output_names(const JsonReader& body) {
  JobOutput result;
  if (const Json* given = body.optional_object("output")) {
    const JsonReader output(*given, "output");
    output.refuse_unknown({"name", "alias"});
    result.name = output.optional_string("name").value_or("");
    if (output.has("name")) {
      base::check_name(result.name, "output.name");
    }
    result.alias = output.optional_string("alias");
    if (result.alias) {
      registry::check_alias(*result.alias, "output.alias");
    }
  }
  return result;
}

}  // namespace hub::api
