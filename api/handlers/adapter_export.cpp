#include "api/handlers/adapter_export.h"

#include <memory>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/hf/settings.h"
#include "core/model_config/model_config.h"
#include "core/peft/export_adapter.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;

constexpr const char* kConfigName = "adapter_config.json";
constexpr const char* kTensorName = "adapter_model.safetensors";

// The name that PEFT looks a base up by: the Hub's where there is one.
std::string base_name(hub::Hub& hub, const registry::Version& base) {
  const std::string source = hub.models.get_model(base.model_id).base_model;
  return hf::is_repository(source) ? source : base.model_name;
}

Response get_peft_file(hub::Hub& hub, const Request& request) {
  const std::string& name = request.params.at("name");
  const registry::Version version = hub.models.get_version(request.params.at("id"));
  if (name != kConfigName && name != kTensorName) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format(
            "PEFT's files are {} and {}, there is no \"{}\"",
            kConfigName,
            kTensorName,
            name.substr(0, 120)),
        "name",
        "file_not_found");
  }
  if (version.kind != registry::VersionKind::kAdapter ||
      version.state != registry::VersionState::kReady) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "only ready adapters can be exported to PEFT; version {} of '{}' is {} {}",
            version.number,
            version.model_name,
            registry::to_string(version.state),
            registry::to_string(version.kind)),
        "id",
        "not_an_adapter");
  }
  const registry::Version base = hub.models.get_version(version.base_version_id.value_or(""));
  const auto config = model_config::ModelConfig::load(hub.artifacts.absolute(base.folder));
  const auto exported = std::make_shared<const peft::ExportedAdapter>(
      hub.artifacts.absolute(version.folder), base_name(hub, base), config.num_hidden_layers);
  Response response;
  response.headers["Content-Disposition"] = fmt::format("attachment; filename=\"{}\"", name);
  if (name == kConfigName) {
    response.headers["Content-Type"] = "application/json";
    response.body = exported->config();
    return response;
  }
  response.headers["Content-Type"] = "application/octet-stream";
  response.stream = [exported](BodyWriter& writer) {
    exported->write_tensors([&writer](std::string_view piece) { return writer.write(piece); });
  };
  return response;
}

}  // namespace

std::vector<Route> adapter_export_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET",
       "/versions/{id}/peft/{name}",
       [&hub](const Request& request) { return get_peft_file(hub, request); }},
  };
}

}  // namespace hub::api
