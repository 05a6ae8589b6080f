#pragma once

#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "core/hub/hub.h"
#include "core/hub/pull_job.h"
#include "core/jobs/job_queue.h"
#include "core/registry/records.h"

// What the bodies of POST /jobs have in common, whatever the kind.
namespace hub::api {

struct JobInputs {
  std::string asked;  // the `model` value
  registry::ResolvedModel model;
  std::optional<registry::Dataset> dataset;
  std::optional<hub::PullRequest> pull;  // the model's weights are not here yet
};

// The model that field `field` names. Throws what the caller is to be told, naming the field.
JobInputs read_model_input(hub::Hub& hub, const base::JsonReader& body, const char* field);

// The data set that field `field` names, registered now where it is a path. Throws kUnprocessable
// (`dataset_empty`) for one without usable rows.
void read_dataset_input(
    hub::Hub& hub, const base::JsonReader& body, const char* field, JobInputs& inputs);

// With an id, the inputs, `priority` and `timeout_seconds`.
jobs::NewJob new_job(
    const std::string& kind, const JobInputs& inputs, const base::JsonReader& body);

// `output` {"name","alias"} of the body, checked by itself.
struct JobOutput {
  std::string name;  // "" when none was given
  std::optional<std::string> alias;

  [[nodiscard]] base::Json to_json() const;
};
JobOutput read_output_names(const base::JsonReader& body);

}  // namespace hub::api
