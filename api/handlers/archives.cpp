#include "api/handlers/archives.h"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/json_reader.h"
#include "core/hub/model_archive.h"

namespace hub::api {
namespace {

using base::Json;
using base::JsonReader;

hub::ArchiveServices services_of(hub::Hub& hub) {
  return {
      .database = hub.database,
      .artifacts = hub.artifacts,
      .models = hub.models,
      .catalog = hub.catalog,
      .aliases = hub.aliases};
}

Response export_model(hub::Hub& hub, const Request& request) {
  const auto archive = std::make_shared<hub::ModelExport>(
      services_of(hub), request.params.at("id"), hub.clock.now_ms());
  Response response;
  response.headers["Content-Type"] = "application/x-tar";
  response.headers["Content-Disposition"] =
      fmt::format("attachment; filename=\"{}.tar\"", archive->name());
  // A file that turns out damaged cuts the connection, so that no half an archive looks whole.
  response.stream = [archive](BodyWriter& writer) {
    archive->write([&writer](std::string_view bytes) { return writer.write(bytes); });
  };
  return response;
}

Response import_model(hub::Hub& hub, const Request& request, const Commit& commit) {
  hub::ArchiveImport options;
  std::filesystem::path file;
  if (!request.body_file.empty()) {
    refuse_unknown_query(request, {"name"});
    file = request.body_file;
    if (const std::string name = request.query_value("name"); !name.empty()) {
      options.name = name;
    }
  } else {
    const Json json = request_json(request);
    const JsonReader body(json);
    body.refuse_unknown({"path", "name"});
    file = hub.roots.resolve(body.string("path"), "path");
    options.name = body.optional_string("name");
  }
  hub::ImportTable::Entry entry(
      hub.imports,
      request.request_id,
      options.name.value_or(""),
      request.body_file.empty() ? file.string() : request.file_name);
  options.watch = entry.watch(*request.cancelled);
  options.on_name = [&entry](const std::string& name) { entry.set_name(name); };
  Response response;
  options.insert = [&](const std::function<registry::Model()>& rows) {
    response = commit([&] { return json_answer(201, model_json(hub, rows())); });
  };
  hub::import_archive(services_of(hub), file, options);
  return response;
}

}  // namespace

std::vector<Route> archive_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET",
       "/models/{id}/archive",
       [&hub](const Request& request) { return export_model(hub, request); }},
      {.method = "POST",
       .pattern = "/models/import",
       .handler = idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return import_model(hub, request, commit);
           }),
       .upload = true}};
}

}  // namespace hub::api
