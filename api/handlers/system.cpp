#include "api/handlers/system.h"

#include <thread>

#include <nlohmann/json.hpp>
#include <sys/utsname.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/hub/process_info.h"
#include "core/registry/model_resolver.h"

namespace hub::api {
namespace {

using base::Json;

Json engine_json(const hub::ModelPool::EngineInfo& engine) {
  return {
      {"model", engine.model},
      {"version_id", engine.base_version_id},
      {"state", engine.state},
      {"pid", engine.pid},
      {"requests", engine.users},
      {"resident_bytes", engine.resident_bytes},
      {"adapters", engine.adapters},
      {"uptime_seconds", engine.loaded_seconds}};
}

Json engines_json(const hub::Hub& hub) {
  Json engines = Json::array();
  for (const auto& engine : hub.pool.engines()) {
    engines.push_back(engine_json(engine));
  }
  return engines;
}

Json memory_json(const hub::Hub& hub) {
  Json lines = Json::array();
  for (const auto& line : hub.ledger.lines()) {
    lines.push_back(
        {{"owner", line.owner},
         {"reserved_bytes", line.reserved_bytes},
         {"measured_bytes", line.measured_bytes}});
  }
  return {
      {"machine_bytes", hub::machine_memory_bytes()},
      {"available_bytes", hub::available_memory_bytes()},
      {"budget_bytes", hub.ledger.budget_bytes()},
      {"reserved_bytes", hub.ledger.reserved_bytes()},
      {"lines", lines}};
}

Response system_state(hub::Hub& hub) {
  utsname machine{};
  uname(&machine);
  const auto counts = hub.queue.counts();
  const Json state = {
      {"version", HUB_VERSION},
      {"time", base::rfc3339(hub.clock.now_ms())},
      {"machine",
       {{"system", machine.sysname},
        {"architecture", machine.machine},
        {"cores", std::thread::hardware_concurrency()}}},
      {"memory", memory_json(hub)},
      {"engines", engines_json(hub)},
      {"jobs",
       {{"QUEUED", counts.at(0)},
        {"RUNNING", counts.at(1)},
        {"COMPLETED", counts.at(2)},
        {"FAILED", counts.at(3)},
        {"CANCELLED", counts.at(4)}}},
      {"events", {{"last_seq", hub.events.last()}}},
      // What clients may rely on; later versions switch more on.
      {"capabilities",
       {{"chat", true},
        {"completions", true},
        {"adapters", true},
        {"finetune_methods", {"lora"}},
        {"json_schema", false},
        {"tools", false},
        {"embeddings", false},
        {"api_keys", true},
        {"mlflow", false},
        {"pull", false}}}};
  return json_response(200, state.dump());
}

Response load_engine(hub::Hub& hub, const Request& request) {
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  static_cast<void>(hub.pool.acquire(hub.served_model(resolved)));
  return json_response(200, Json{{"model", resolved.asked}, {"state", "ready"}}.dump());
}

Response unload_engine(hub::Hub& hub, const Request& request) {
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  const bool was_loaded = hub.pool.unload(resolved.base.id);
  return json_response(
      200,
      Json{{"model", resolved.asked}, {"state", "unloaded"}, {"was_loaded", was_loaded}}.dump());
}

}  // namespace

std::vector<Route> system_routes(hub::Hub& hub) {
  return {
      {"GET", "/healthz", [](const Request&) { return json_response(200, R"({"status":"ok"})"); }},
      {"GET",
       "/readyz",
       [&hub](const Request&) {
         hub.check_ready();
         return json_response(200, R"({"status":"ready"})");
       }},
      {"GET", "/system", [&hub](const Request&) { return system_state(hub); }},
      {"GET",
       "/engines",
       [&hub](const Request&) {
         return json_response(
             200, Json{{"data", engines_json(hub)}, {"next_cursor", nullptr}}.dump());
       }},
      {"POST",
       "/engines/{model}/load",
       [&hub](const Request& request) { return load_engine(hub, request); }},
      {"POST",
       "/engines/{model}/unload",
       [&hub](const Request& request) { return unload_engine(hub, request); }},
  };
}

}  // namespace hub::api
