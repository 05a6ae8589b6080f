#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/artifacts/artifact_store.h"
#include "core/hub/host_job.h"
#include "core/hub/pull_plan.h"
#include "core/registry/model_registry.h"
#include "core/registry/model_resolver.h"

namespace hub::hub {

// What a pull is asked for.
struct PullRequest {
  std::string repository{};
  std::string revision = "main";
  std::optional<std::string> commit{};  // of the plan that was shown; absent: found when it runs
  std::optional<std::string> base{};    // adapters: the `model` value of what it was trained on
  bool force = false;                   // also when it does not fit disk or memory
};

// A job of kind "pull" for the host lane. `version` is the model's pending version, which it fills,
// or its newest one, beside which it puts the next.
jobs::NewJob make_pull_job(
    const registry::Model& model, const registry::Version& version, const PullRequest& request);

// The model's version that a pull works on: the pending one, else the newest.
std::optional<registry::Version> version_to_pull(
    registry::ModelRegistry& models, const registry::Model& model);

// The live pull of `version`, or a new one: many jobs may wait for the same weights.
jobs::Job join_pull(
    jobs::JobQueue& queue,
    const registry::Model& model,
    const registry::Version& version,
    const PullRequest& request);

// Runs pulls: plans anew, downloads what is not here, stores and describes the files, and makes the
// version ready. A pull that stopped half-way goes on where it was.
std::unique_ptr<HostJobKind> make_pull_kind(
    const PullPlanner& planner,
    registry::ModelRegistry& models,
    registry::ModelResolver& resolver,
    artifacts::ArtifactStore& artifacts);

}  // namespace hub::hub
