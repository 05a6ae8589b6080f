#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/artifacts/artifact_store.h"
#include "core/hf/settings.h"
#include "core/hub/host_job.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// What a push is asked for.
struct PushRequest {
  std::string repository{};
  std::string branch = "main";
  std::string message{};
  bool is_private = false;  // of a repository that is made
};

// A job of kind "push" for the host lane.
jobs::NewJob make_push_job(const registry::Version& version, const PushRequest& request);

// Runs pushes: the version's files, a generated README.md and mlx_hub.json, as one commit.
std::unique_ptr<HostJobKind> make_push_kind(
    std::function<hf::Settings()> settings,
    registry::ModelRegistry& models,
    jobs::JobQueue& queue,
    const artifacts::ArtifactStore& artifacts,
    const std::filesystem::path& scratch_folder);

}  // namespace hub::hub
