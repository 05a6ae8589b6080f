#include "api/handlers/pulls.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "api/handlers/request_spans.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hf/settings.h"
#include "core/hub/pull_job.h"
#include "core/hub/push_job.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

hub::PullRequest read_pull(const registry::Model& model, const JsonReader& body) {
  body.refuse_unknown({"revision", "base", "force", "dry_run"});
  if (!hf::is_repository(model.base_model)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "model '{}' was registered from \"{}\", which is no repository of the Hugging Face "
            "Hub: there is nothing to pull",
            model.name,
            model.base_model.substr(0, 200)),
        "id",
        "not_from_hub");
  }
  hub::PullRequest request;
  request.repository = model.base_model;
  request.revision = body.optional_string("revision").value_or("main");
  hf::check_revision(request.revision, "revision");
  request.base = body.optional_string("base");
  request.force = body.optional_bool("force").value_or(false);
  return request;
}

Response pull_model(hub::Hub& hub, const Request& request) {
  const Json json = request.body.empty() ? Json::object() : request_json(request);
  const JsonReader body(json);
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  hub::PullRequest pull = read_pull(model, body);
  const bool dry_run = body.optional_bool("dry_run").value_or(false);
  const auto version = hub::version_to_pull(hub.models, model);
  if (!version) {
    throw Error(ErrorCode::kConflict, fmt::format("model '{}' has no version", model.name), "id");
  }
  if (!dry_run) {
    if (const auto live = hub.queue.find_live(jobs::kPullKind, version->id)) {
      return json_answer(202, job_json(hub, *live));
    }
  }
  const hub::PullPlan plan =
      hub.pulls.plan(pull.repository, pull.revision, request.cancelled.get());
  if (dry_run) {
    return json_answer(200, plan.to_json());
  }
  if (!pull.force) {
    plan.refuse_unless_fits();
  }
  pull.commit = plan.snapshot.commit;
  std::optional<jobs::Job> job;
  hub.database.write(
      [&](db::Connection&) { job = hub::join_pull(hub.queue, model, *version, pull); });
  return json_answer(202, job_json(hub, job.value()));
}

// The version that is pushed: what "model" means, else what the model's bare name does.
registry::Version version_to_push(
    hub::Hub& hub, const registry::Model& model, const JsonReader& body) {
  const std::string asked = body.optional_string("model").value_or(model.name);
  const registry::ResolvedModel resolved = hub.resolver.resolve(asked);
  const registry::Version& version = resolved.adapter ? *resolved.adapter : resolved.base;
  if (version.model_id != model.id) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'model' must be a version of '{}', \"{}\" is one of '{}'",
            model.name,
            asked.substr(0, 200),
            version.model_name),
        "model");
  }
  return version;
}

Response push_model(hub::Hub& hub, const Request& request, const Commit& commit) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"repository", "model", "revision", "message", "private"});
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  hub::PushRequest push;
  push.repository = body.string("repository");
  hf::check_repository(push.repository, "repository");
  push.branch = body.optional_string("revision").value_or("main");
  hf::check_revision(push.branch, "revision");
  push.is_private = body.optional_bool("private").value_or(false);
  const registry::Version version = version_to_push(hub, model, body);
  push.message = body.optional_string("message").value_or(
      fmt::format("Upload {} version {}", model.name, version.number));
  if (hub.pulls.settings().token.empty()) {
    throw Error(
        ErrorCode::kPermissionDenied,
        "pushing needs a token that may write: set HF_TOKEN, or log in with `hf auth login`",
        {},
        "hub_token_required");
  }
  const jobs::NewJob job = hub::make_push_job(version, push);
  return commit([&] {
    const jobs::Job made = hub.queue.enqueue(job);
    link_job(hub, made.id, request);
    return json_answer(202, job_json(hub, made));
  });
}

}  // namespace

std::optional<PendingModel> find_pending(hub::Hub& hub, std::string_view value) {
  const auto parsed = registry::parse_model_value(value);
  if (!parsed || parsed->adapter || parsed->model.alias) {
    return std::nullopt;
  }
  const auto model = hub.models.find_model(parsed->model.name);
  if (!model || !hf::is_repository(model->base_model)) {
    return std::nullopt;
  }
  const auto version = hub::version_to_pull(hub.models, *model);
  const bool meant = version && version->state == registry::VersionState::kPending &&
                     parsed->model.number.value_or(version->number) == version->number;
  return meant ? std::optional(PendingModel{*model, *version}) : std::nullopt;
}

std::vector<Route> pull_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST",
       "/models/{id}/pull",
       [&hub](const Request& request) { return pull_model(hub, request); }},
      {"POST",
       "/models/{id}/push",
       idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return push_model(hub, request, commit);
           })},
  };
}

}  // namespace hub::api
