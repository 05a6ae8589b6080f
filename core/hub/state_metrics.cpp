#include "core/hub/state_metrics.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include <unistd.h>

#include "core/hub/hub.h"
#include "core/hub/worker_memory.h"
#include "core/machine/process.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using obs::Labels;
using obs::MetricSnapshot;

constexpr double kMilli = 1e-3;

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

// The engines of one label: several versions of a model may be loaded, and models beyond the bound
// share a label.
struct EngineSums {
  EngineFigures figures;
  std::size_t adapters = 0;
  double cpu_seconds = 0;
};

void add_engine(EngineSums& sums, const ModelPool::EngineInfo& engine) {
  sums.figures.work.running += engine.figures.work.running;
  sums.figures.work.waiting += engine.figures.work.waiting;
  sums.figures.work.kv_bytes += engine.figures.work.kv_bytes;
  sums.figures.work.prefix_bytes += engine.figures.work.prefix_bytes;
  sums.figures.work.prefix_disk_bytes += engine.figures.work.prefix_disk_bytes;
  sums.figures.work.kv_limit_bytes += engine.figures.work.kv_limit_bytes;
  sums.figures.memory.active_bytes += engine.figures.memory.active_bytes;
  sums.figures.memory.cache_bytes += engine.figures.memory.cache_bytes;
  sums.figures.memory.peak_bytes += engine.figures.memory.peak_bytes;
  sums.figures.memory.resident_bytes += number(engine.resident_bytes);
  sums.adapters += engine.adapters.size();
  sums.cpu_seconds += machine::read_process(engine.pid).cpu_seconds.value_or(0.0);
}

void tell_engine(MetricSnapshot& snapshot, const std::string& model, const EngineSums& sums) {
  const Labels labels{{"gen_ai_request_model", model}};
  const base::EngineWork& work = sums.figures.work;
  for (const auto& [state, count] :
       {std::pair("running", work.running), std::pair("waiting", work.waiting)}) {
    Labels with_state = labels;
    with_state["state"] = state;
    snapshot.gauge(
        "mlx_hub_engine_requests",
        "Requests in engines",
        static_cast<double>(count),
        std::move(with_state));
  }
  snapshot.gauge(
      "mlx_hub_engine_kv_cache_bytes",
      "Keys and values held",
      static_cast<double>(work.kv_bytes),
      labels);
  snapshot.gauge(
      "mlx_hub_engine_kv_cache_limit_bytes",
      "Keys and values at most",
      static_cast<double>(work.kv_limit_bytes),
      labels);
  snapshot.gauge(
      "mlx_hub_engine_prefix_cache_bytes",
      "Keys and values that ended requests left for the next ones",
      static_cast<double>(work.prefix_bytes),
      labels);
  snapshot.gauge(
      "mlx_hub_engine_prefix_disk_bytes",
      "Of those, and of earlier ones, on disk",
      static_cast<double>(work.prefix_disk_bytes),
      labels);
  snapshot.gauge("mlx_hub_engine_adapters", "Attached", number(sums.adapters), labels);
  const std::string worker = "engine " + model;
  tell_memory(snapshot, worker, sums.figures.memory);
  snapshot.counter(
      "mlx_hub_worker_cpu_seconds_total", "Of workers", sums.cpu_seconds, {{"worker", worker}});
}

void tell_engines(MetricSnapshot& snapshot, Hub& hub) {
  std::map<std::string, int> states{{"loading", 0}, {"ready", 0}};
  std::map<std::string, EngineSums> models;
  for (const auto& engine : hub.pool.engines()) {
    ++states[engine.state];
    add_engine(models[hub.engine_metrics.label(engine.model)], engine);
  }
  for (const auto& [model, sums] : models) {
    tell_engine(snapshot, model, sums);
  }
  for (const auto& [state, count] : states) {
    snapshot.gauge("mlx_hub_engines", "Engine workers", count, {{"state", state}});
  }
}

// "job <id>" has no bound; the slot in which it runs has.
std::string owner_label(Hub& hub, const std::string& owner) {
  constexpr std::string_view job = "job ";
  constexpr std::string_view engine = "engine ";
  if (owner.starts_with(job)) {
    const auto slot = hub.job_metrics.slot(owner.substr(job.size()));
    return slot ? "job " + std::to_string(*slot) : "job starting";
  }
  return owner.starts_with(engine)
             ? std::string(engine) + hub.engine_metrics.label(owner.substr(engine.size()))
             : owner;
}

void tell_ledger(MetricSnapshot& snapshot, Hub& hub) {
  const MemoryLedger::Snapshot now = hub.ledger.snapshot();
  snapshot.gauge(
      "mlx_hub_memory_budget_bytes", "For all workers together", number(now.budget_bytes));
  snapshot.gauge("mlx_hub_memory_reserved_bytes", "Of the budget", number(now.reserved_bytes));
  snapshot.gauge(
      "mlx_hub_memory_promised_bytes", "Reserved and not yet taken", number(now.promised_bytes));
  snapshot.gauge(
      "mlx_hub_memory_free_bytes",
      "The most that a new reservation could get",
      number(now.free_bytes()));
  std::map<std::string, std::array<std::uint64_t, 4>> lines;
  for (const auto& line : now.lines) {
    auto& sum = lines[owner_label(hub, line.owner)];
    sum[0] += line.estimated_bytes;
    sum[1] += line.reserved_bytes;
    sum[2] += line.measured_bytes;
    sum[3] += line.peak_bytes;
  }
  constexpr std::array amounts{"estimated", "reserved", "measured", "peak"};
  for (const auto& [owner, sums] : lines) {
    for (std::size_t i = 0; i < amounts.size(); ++i) {
      snapshot.gauge(
          "mlx_hub_memory_line_bytes",
          "Lines of the ledger",
          number(sums.at(i)),
          {{"owner", owner}, {"amount", amounts.at(i)}});
    }
  }
}

void tell_jobs(MetricSnapshot& snapshot, Hub& hub) {
  constexpr std::array states{"QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"};
  const auto counts = hub.queue.counts();
  for (std::size_t i = 0; i < states.size(); ++i) {
    snapshot.gauge(
        "mlx_hub_jobs", "By state", static_cast<double>(counts.at(i)), {{"state", states.at(i)}});
  }
  hub.job_metrics.tell(snapshot);
  jobs::JobFilter running;
  running.state = jobs::JobState::kRunning;
  for (const jobs::Job& job : hub.queue.list(running)) {
    const auto slot = hub.job_metrics.slot(job.id);
    const auto cpu = job.worker_pid
                         ? machine::read_process(static_cast<pid_t>(*job.worker_pid)).cpu_seconds
                         : std::nullopt;
    if (slot && cpu) {
      snapshot.counter(
          "mlx_hub_worker_cpu_seconds_total",
          "Of workers",
          *cpu,
          {{"worker", "job " + std::to_string(*slot)}});
    }
  }
}

void tell_database(MetricSnapshot& snapshot, Hub& hub) {
  const std::filesystem::path file = hub.config.data_dir / "hub.db";
  for (const auto& [name, suffix] : {std::pair("main", ""), std::pair("wal", "-wal")}) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file.string() + suffix, error);
    snapshot.gauge(
        "mlx_hub_database_bytes", "Files", error ? 0.0 : number(bytes), {{"file", name}});
  }
  const auto tell = [&snapshot](const char* kind, const db::WaitTimes::Counts& counts) {
    snapshot.histogram(
        "mlx_hub_database_wait_seconds",
        "For a connection, or for one's turn to write",
        {{"kind", kind}},
        {db::WaitTimes::kBounds.begin(), db::WaitTimes::kBounds.end()},
        {counts.by_bucket.begin(), counts.by_bucket.end()},
        counts.sum_seconds);
    snapshot.counter(
        "mlx_hub_database_transactions_total", "By kind", number(counts.total()), {{"kind", kind}});
  };
  tell("read", hub.database.read_waits());
  tell("write", hub.database.write_waits());
  snapshot.gauge("mlx_hub_models", "Registered", static_cast<double>(hub.catalog.count_models()));
  snapshot.gauge("mlx_hub_datasets", "Registered", static_cast<double>(hub.datasets.count()));
  snapshot.counter(
      "mlx_hub_events_total", "Of the event log", static_cast<double>(hub.events.last()));
}

void tell_exports(MetricSnapshot& snapshot, Hub& hub) {
  if (const obs::SpanExporter* exporter = hub.traces.exporter()) {
    const auto counts = exporter->counts();
    constexpr const char* spans = "mlx_hub_spans_total";
    snapshot.counter(spans, "By outcome", number(counts.exported), {{"outcome", "exported"}});
    snapshot.counter(spans, "By outcome", number(counts.dropped), {{"outcome", "dropped"}});
    snapshot.counter(spans, "By outcome", number(counts.failed), {{"outcome", "failed"}});
    snapshot.gauge("mlx_hub_spans_waiting", "To be exported", number(counts.waiting));
  }
  if (!hub.mlflow.enabled()) {
    return;
  }
  const MlflowSync::Status status = hub.mlflow.status();
  snapshot.gauge(
      "mlx_hub_mlflow_up",
      "1: the server's last answer was one",
      status.state == MlflowSync::State::kConnected ? 1 : 0);
  constexpr const char* entries = "mlx_hub_mlflow_outbox_entries";
  const auto refused = static_cast<double>(status.outbox.refused);
  snapshot.gauge(
      entries,
      "Objects to tell of",
      static_cast<double>(status.outbox.waiting) - refused,
      {{"state", "waiting"}});
  snapshot.gauge(entries, "Objects to tell of", refused, {{"state", "refused"}});
  snapshot.gauge(
      "mlx_hub_mlflow_outbox_oldest_seconds",
      "Age of the oldest that waits",
      status.outbox.oldest_ms
          ? std::max(
                0.0, static_cast<double>(hub.clock.now_ms() - *status.outbox.oldest_ms) * kMilli)
          : 0.0);
  snapshot.counter("mlx_hub_mlflow_delivered_total", "Objects told of", number(status.delivered));
}

void tell_process(MetricSnapshot& snapshot, Hub& hub) {
  snapshot.gauge("mlx_hub_build_info", "1", 1, {{"version", HUB_VERSION}});
  const auto records = obs::log::counts();
  using obs::log::Level;
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    snapshot.counter(
        "mlx_hub_log_records_total",
        "By level",
        number(records.by_level.at(static_cast<std::size_t>(level))),
        {{"level", std::string(obs::log::to_string(level))}});
  }
  snapshot.gauge(
      "mlx_hub_host_thermal_resting",
      "1: jobs rest since it is too hot",
      hub.housekeeper.heat().resting ? 1 : 0);
  const machine::ProcessReading self = machine::read_process(::getpid());
  const auto gauge = [&snapshot](const char* name, const char* help, const auto& value) {
    if (value) {
      snapshot.gauge(name, help, static_cast<double>(*value));
    }
  };
  if (self.cpu_seconds) {
    snapshot.counter("process_cpu_seconds_total", "User and system", *self.cpu_seconds);
  }
  gauge("process_resident_memory_bytes", "Resident set", self.resident_bytes);
  gauge("process_open_fds", "Open file descriptors", self.open_descriptors);
  gauge("process_max_fds", "Most open file descriptors", self.most_descriptors);
  gauge("process_threads", "Threads", self.threads);
  gauge("process_start_time_seconds", "Unix time", self.start_time_seconds);
}

}  // namespace

void tell_state(Hub& hub, MetricSnapshot& snapshot) {
  tell_process(snapshot, hub);
  tell_engines(snapshot, hub);
  tell_ledger(snapshot, hub);
  tell_jobs(snapshot, hub);
  tell_database(snapshot, hub);
  tell_exports(snapshot, hub);
}

}  // namespace hub::hub
