#include "api/handlers/system.h"

#include <thread>

#include <nlohmann/json.hpp>
#include <sys/utsname.h>

#include "api/handlers/mlflow.h"
#include "api/handlers/request_json.h"
#include "core/base/clock.h"
#include "core/base/json_reader.h"
#include "core/hub/log_files.h"
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
      {"running", engine.figures.work.running},
      {"waiting", engine.figures.work.waiting},
      {"waiting_keys", engine.figures.work.waiting_keys},
      {"step_seconds", engine.figures.work.step_seconds},
      {"slow", engine.slow},
      {"slow_steps", engine.figures.work.slow_steps},
      {"refused", engine.figures.work.refused + engine.figures.work.refused_for_key},
      {"kv_bits", engine.figures.work.kv_bits},
      {"kv_window", engine.figures.work.kv_window},
      {"pinned", engine.pinned},
      {"idle_seconds", engine.idle_seconds},
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
  const hub::MemoryLedger::Snapshot now = hub.ledger.snapshot();
  Json lines = Json::array();
  for (const auto& line : now.lines) {
    lines.push_back(
        {{"owner", line.owner},
         {"estimated_bytes", line.estimated_bytes},
         {"reserved_bytes", line.reserved_bytes},
         {"measured_bytes", line.measured_bytes},
         {"peak_bytes", line.peak_bytes}});
  }
  return {
      {"machine_bytes", hub::machine_memory_bytes()},
      {"available_bytes", now.available_bytes},
      {"budget_bytes", now.budget_bytes},
      {"reserved_bytes", now.reserved_bytes},
      {"promised_bytes", now.promised_bytes},
      {"free_bytes", now.free_bytes()},
      {"lines", lines}};
}

Json heat_json(const hub::Hub& hub) {
  const hub::Housekeeper::Heat heat = hub.housekeeper.heat();
  return {
      {"celsius", heat.temperature ? Json(heat.temperature->celsius) : Json(nullptr)},
      {"sensor", heat.temperature ? Json(heat.temperature->sensor) : Json(nullptr)},
      {"limit_celsius", heat.limit_celsius},
      {"resting", heat.resting}};
}

Json traces_json(const hub::Hub& hub) {
  const obs::SpanExporter* exporter = hub.traces.exporter();
  if (exporter == nullptr) {
    return nullptr;
  }
  const obs::SpanExporter::Counts counts = exporter->counts();
  return {
      {"endpoint", exporter->endpoint()},
      {"exported_spans", counts.exported},
      {"waiting_spans", counts.waiting},
      {"dropped_spans", counts.dropped},
      {"failed_spans", counts.failed},
      {"last_error", counts.last_error.empty() ? Json(nullptr) : Json(counts.last_error)}};
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
      {"temperature", heat_json(hub)},
      {"engines", engines_json(hub)},
      {"jobs",
       {{"QUEUED", counts.at(0)},
        {"RUNNING", counts.at(1)},
        {"COMPLETED", counts.at(2)},
        {"FAILED", counts.at(3)},
        {"CANCELLED", counts.at(4)}}},
      {"events", {{"last_seq", hub.events.last()}}},
      {"traces", traces_json(hub)},
      {"mlflow", mlflow_json(hub)},
      // What clients may rely on; later versions switch more on.
      {"capabilities",
       {{"chat", true},
        {"completions", true},
        {"logprobs", true},
        {"penalties", true},
        {"adapters", true},
        {"finetune_methods", {"lora", "dora", "full"}},
        {"json_schema", true},
        {"tools", true},
        {"embeddings", true},
        {"api_keys", true},
        {"mlflow", true},
        {"pull", true}}}};
  return json_response(200, state.dump());
}

Response load_engine(hub::Hub& hub, const Request& request) {
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  const hub::ServedModel served = hub.served_model(resolved);
  hub.pool.allow_start(served.engine_id());
  static_cast<void>(hub.pool.acquire(served));
  return json_response(200, Json{{"model", resolved.asked}, {"state", "ready"}}.dump());
}

Response unload_engine(hub::Hub& hub, const Request& request) {
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  const bool was_loaded = hub.pool.unload(hub.served_model(resolved).engine_id());
  return json_response(
      200,
      Json{{"model", resolved.asked}, {"state", "unloaded"}, {"was_loaded", was_loaded}}.dump());
}

// {"pinned": false} lets go again; without a body it pins.
Response pin_engine(hub::Hub& hub, const Request& request) {
  bool pinned = true;
  if (!request.body.empty()) {
    const Json json = request_json(request);
    const base::JsonReader body(json);
    body.refuse_unknown({"pinned"});
    pinned = body.optional_bool("pinned").value_or(true);
  }
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  hub.pin(hub.served_model(resolved).engine_id(), pinned);
  return json_response(200, Json{{"model", resolved.asked}, {"pinned", pinned}}.dump());
}

std::int64_t read_lines(const Request& request) {
  refuse_unknown_query(request, {"lines"});
  return whole_query(request, "lines", 200, 1, 10'000);
}

// Also of an engine that is gone: then it tells why.
Response engine_log(hub::Hub& hub, const Request& request) {
  const auto resolved = hub.resolver.resolve(request.params.at("model"));
  return text_answer(
      hub::readable(
          hub::tail(
              hub.pool.log_file(resolved.base.model_name),
              read_lines(request),
              hub::kMostLogBytes)));
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
      {"POST",
       "/engines/{model}/pin",
       [&hub](const Request& request) { return pin_engine(hub, request); }},
      {"GET",
       "/engines/{model}/logs",
       [&hub](const Request& request) { return engine_log(hub, request); }},
  };
}

}  // namespace hub::api
