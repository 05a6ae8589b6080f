#pragma once

#include "core/base/json.h"
#include "core/hub/hub.h"
#include "core/jobs/job.h"
#include "core/registry/model_catalog.h"
#include "core/registry/records.h"

namespace hub::api {

// Records as our routes answer them (api/openapi.yaml: Model, Version, Alias, Dataset, Job,
// Evaluation). `hub` is asked for what belongs to other records.

base::Json model_json(const registry::ModelEntry& entry);
base::Json model_json(hub::Hub& hub, const registry::ModelEntry& entry);
base::Json model_json(hub::Hub& hub, const registry::Model& model);
// `with_files`: the form of GET /versions/{id}.
base::Json version_json(hub::Hub& hub, const registry::VersionEntry& entry, bool with_files);
base::Json version_json(hub::Hub& hub, const registry::Version& version, bool with_files);
base::Json alias_json(const registry::Model& model, const registry::Alias& alias);
base::Json dataset_json(const registry::Dataset& dataset);
base::Json job_json(hub::Hub& hub, const jobs::Job& job);
base::Json evaluation_json(hub::Hub& hub, const registry::Evaluation& evaluation);

}  // namespace hub::api
