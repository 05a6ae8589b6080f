#include "core/hub/mlflow_models.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Json;
using registry::Model;
using registry::Version;
using registry::VersionState;

constexpr const char* kVersionTag = "hub.version_id";
constexpr int kMostVersions = 100'000;

std::string object_of(const Version& version) {
  return "version:" + version.id;
}

// Of everything about a version that can change once it is ready.
std::string fingerprint(const Version& version) {
  return base::sha256_hex(
             fmt::format(
                 "{} {} {}",
                 registry::to_string(version.state),
                 version.digest,
                 version.metrics_json))
      .substr(0, 16);
}

// What mlflow.models.get_model_info() reads. The flavor is ours: MLflow's Python has none that
// loads MLX models.
std::string mlmodel(const Version& version, const Json& link) {
  std::string text = fmt::format(
      "artifact_path: model\n"
      "flavors:\n"
      "  mlx:\n"
      "    kind: {}\n"
      "    digest: {}\n"
      "    model: {}@{}\n"
      "model_id: {}\n",
      registry::to_string(version.kind),
      version.digest,
      version.model_name,
      version.number,
      link.at("logged_model").get<std::string>());
  if (const auto run = link.find("run"); run != link.end()) {
    text += fmt::format("run_id: {}\n", run->get<std::string>());
  }
  return text + fmt::format("utc_time_created: '{}'\n", base::rfc3339(version.created_at_ms));
}

}  // namespace

MlflowModels::MlflowModels(
    const MlflowSources& sources,
    mlflow::Client& client,
    jobs::MlflowOutbox& outbox,
    MlflowRuns& runs,
    std::uint64_t artifact_limit_bytes)
    : sources_(sources),
      client_(client),
      outbox_(outbox),
      runs_(runs),
      artifact_limit_bytes_(artifact_limit_bytes) {}

void MlflowModels::send(const std::string& model_id) {
  const std::string object = "model:" + model_id;
  Json link = outbox_.link(object);
  const auto model = sources_.models.find_model(model_id);
  if (!model) {
    if (link.is_object()) {
      client_.tag_registered_model(link.at("name").get<std::string>(), "hub.deleted", "true");
      outbox_.remove_link(object);
    }
    return;
  }
  link = send_model(*model, std::move(link));
  outbox_.set_link(object, link);
  const auto name = link.at("name").get<std::string>();
  registry::ListFilter all;
  all.model_id = model->id;
  all.limit = kMostVersions;
  auto versions = sources_.models.list_versions(all);
  std::ranges::reverse(versions);  // the oldest first, so that numbers there follow those here
  const Json known = link.value("versions", Json::object());
  const Json told = link.value("told", Json::object());
  Json prints = Json::object();
  Json numbers = Json::object();  // there, by id
  for (const Version& listed : versions) {
    if (listed.state == VersionState::kPending) {
      continue;
    }
    const std::string print = fingerprint(listed);
    if (known.contains(listed.id) && told.value(listed.id, "") == print) {
      numbers[listed.id] = known[listed.id];
    } else {
      numbers[listed.id] = send_version(name, sources_.models.get_version(listed.id));
    }
    prints[listed.id] = print;
  }
  mark_deleted(name, link, numbers);
  send_aliases(*model, link, numbers);
  link["versions"] = numbers;
  link["told"] = prints;
  outbox_.set_link(object, link);
}

Json MlflowModels::send_model(const Model& model, Json link) {
  const mlflow::Tags tags{{"hub.model_id", model.id}, {"hub.base_model", model.base_model}};
  const Json wanted = Json::parse(model.tags_json);
  const std::string name = mlflow::registered_name(model.name);
  if (!link.is_object()) {
    client_.create_registered_model(name, model.description, tags);
    link = {{"name", name}, {"description", model.description}, {"tags", Json::object()}};
  } else if (link.value("description", "") != model.description) {
    client_.update_registered_model(name, model.description);
    link["description"] = model.description;
  }
  for (const auto& [key, value] : wanted.items()) {
    if (link["tags"].value(key, Json()) != value) {
      client_.tag_registered_model(
          name, key, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  link["tags"] = wanted;
  return link;
}

std::string MlflowModels::send_version(const std::string& name, const Version& version) {
  const std::string object = object_of(version);
  Json link = outbox_.link(object);
  if (!link.is_object()) {
    link = Json::object();
  }
  if (!link.contains("logged_model")) {
    log_model(version, link);
  }
  const auto logged_model = link.at("logged_model").get<std::string>();
  const auto run =
      link.contains("run") ? std::optional(link.at("run").get<std::string>()) : std::nullopt;
  if (!link.contains("number")) {
    auto number = link.value("registering", false)
                      ? client_.find_version(name, kVersionTag, version.id)
                      : std::nullopt;
    if (!number) {
      link["registering"] = true;
      outbox_.set_link(object, link);
      number = client_.create_version(name, logged_model, run, {{kVersionTag, version.id}});
    }
    link["number"] = *number;
    outbox_.set_link(object, link);
  }
  const auto number = link.at("number").get<std::string>();
  Json sent = link.value("tags", Json::object());
  for (const auto& [key, value] : tags_of(version)) {
    if (sent.value(key, Json()) != value) {
      client_.tag_version(name, number, key, value);
      sent[key] = value;
      link["tags"] = sent;
      outbox_.set_link(object, link);
    }
  }
  if (!link.value("ready", false) && version.state == VersionState::kReady) {
    send_files(version, link);
    client_.make_logged_model_ready(logged_model);
    if (run) {
      client_.add_output(*run, logged_model, 0);
    }
    link["ready"] = true;
    outbox_.set_link(object, link);
  }
  return number;
}

void MlflowModels::log_model(const Version& version, Json& link) {
  const std::string object = object_of(version);
  const auto run = version.job_id ? runs_.send(*version.job_id) : std::nullopt;
  if (run) {
    link["run"] = *run;
  }
  std::optional<mlflow::LoggedModel> logged;
  if (link.value("logging", false)) {
    logged = client_.find_logged_model(runs_.experiment(), kVersionTag, version.id);
  }
  if (!logged) {
    link["logging"] = true;
    outbox_.set_link(object, link);
    logged = client_.create_logged_model(
        runs_.experiment(),
        fmt::format("{}-{}", version.model_name, version.number),
        std::string(registry::to_string(version.kind)),
        run,
        {},
        {{kVersionTag, version.id}, {"hub.model", version.model_name}});
  }
  link["logged_model"] = logged->id;
  link["artifact_uri"] = logged->artifact_uri;
  outbox_.set_link(object, link);
}

void MlflowModels::send_files(const Version& version, Json& link) {
  const auto uri = link.at("artifact_uri").get<std::string>();
  if (!mlflow::Client::takes_artifacts(uri)) {
    obs::log::warning(
        "mlflow_artifacts_not_sent",
        {{"model", version.model_name},
         {"version", version.number},
         {"artifact_uri", uri},
         {"hint", "the server takes no artifacts; start it with --serve-artifacts"}});
    return;
  }
  Json done = link.value("files", Json::object());
  Json list = Json::array();
  for (const registry::VersionFile& file : version.files) {
    const auto bytes = static_cast<std::uint64_t>(file.size_bytes);
    const bool small = bytes <= artifact_limit_bytes_;
    list.push_back(
        {{"name", file.name},
         {"size_bytes", file.size_bytes},
         {"sha256", file.sha256},
         {"here", small}});
    if (small && !done.value(file.name, false)) {
      client_.put_artifact_file(
          uri, file.name, sources_.artifacts.absolute(version.folder) / file.name, bytes);
      done[file.name] = true;
      link["files"] = done;
      outbox_.set_link(object_of(version), link);
    }
  }
  client_.put_artifact(uri, "hub_files.json", list.dump(2));
  client_.put_artifact(uri, "MLmodel", mlmodel(version, link));
}

void MlflowModels::send_aliases(const Model& model, Json& link, const Json& numbers) {
  const auto name = link.at("name").get<std::string>();
  Json wanted = Json::object();
  for (const registry::Alias& alias : sources_.aliases.list(model.id)) {
    if (numbers.contains(alias.version_id)) {
      wanted[alias.alias] = numbers[alias.version_id];
    }
  }
  const Json known = link.value("aliases", Json::object());
  for (const auto& [alias, number] : wanted.items()) {
    if (known.value(alias, Json()) != number) {
      client_.set_alias(name, alias, number.get<std::string>());
    }
  }
  for (const auto& [alias, number] : known.items()) {
    if (!wanted.contains(alias)) {
      client_.remove_alias(name, alias);
    }
  }
  link["aliases"] = wanted;
}

void MlflowModels::send_figures(const std::string& job_id) {
  const std::string object = "job:" + job_id;
  const auto evaluation = sources_.evaluations.find_by_job(job_id);
  Json link = outbox_.link(object);
  if (!evaluation || !evaluation->ended_at_ms || !link.is_object() || !link.contains("run") ||
      link.value("figures", false)) {
    return;
  }
  std::vector<mlflow::Metric> figures;
  const Json metrics = Json::parse(evaluation->metrics_json);
  for (const auto& [key, value] : metrics.items()) {
    if (value.is_number()) {
      figures.push_back({key, value.get<double>(), *evaluation->ended_at_ms, 0});
    }
  }
  std::optional<mlflow::MetricSubject> subject;
  if (const auto logged_model = logged_model_of(evaluation->version_id)) {
    const auto dataset = sources_.datasets.find(evaluation->dataset_id);
    subject = {*logged_model, dataset ? dataset->name : "", evaluation->dataset_digest};
  }
  client_.log(link.at("run").get<std::string>(), figures, {}, {}, subject);
  link["figures"] = true;
  outbox_.set_link(object, link);
}

std::optional<std::string> MlflowModels::logged_model_of(const std::string& version_id) {
  Json link = outbox_.link("version:" + version_id);
  if (!link.is_object() || !link.contains("logged_model")) {
    try {
      send(sources_.models.get_version(version_id).model_id);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kNotFound && error.reason() == "version_not_found") {
        return std::nullopt;
      }
      throw;
    }
    link = outbox_.link("version:" + version_id);
  }
  return link.is_object() && link.contains("logged_model")
             ? std::optional(link.at("logged_model").get<std::string>())
             : std::nullopt;
}

void MlflowModels::mark_deleted(const std::string& name, Json& link, const Json& numbers) {
  const Json known = link.value("versions", Json::object());
  for (const auto& [id, number] : known.items()) {
    if (!numbers.contains(id)) {
      client_.tag_version(name, number.get<std::string>(), "hub.deleted", "true");
      outbox_.remove_link("version:" + id);
    }
  }
}

mlflow::Tags MlflowModels::tags_of(const Version& version) {
  mlflow::Tags tags{
      {kVersionTag, version.id},
      {"hub.version", std::to_string(version.number)},
      {"hub.kind", std::string(registry::to_string(version.kind))},
      {"hub.state", std::string(registry::to_string(version.state))},
      {"hub.digest", version.digest}};
  if (version.base_version_id) {
    const Version base = sources_.models.get_version(*version.base_version_id);
    tags.emplace_back("hub.base", fmt::format("{}@{}", base.model_name, base.number));
  }
  if (version.job_id) {
    tags.emplace_back("hub.job_id", *version.job_id);
  }
  if (!version.dataset_digest.empty()) {
    tags.emplace_back("hub.dataset_digest", version.dataset_digest);
  }
  const Json metrics = Json::parse(version.metrics_json);
  for (const auto& [key, value] : metrics.items()) {
    if (value.is_number()) {
      tags.emplace_back("hub.metric." + key, value.dump());
    }
  }
  return tags;
}

}  // namespace hub::hub
