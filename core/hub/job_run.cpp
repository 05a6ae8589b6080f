#include "core/hub/job_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/clock.h"
#include "core/base/json_reader.h"
#include "core/hub/worker_error.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

constexpr std::int64_t kMost = INT64_MAX;

constexpr std::array<const char*, 4> kMemoryFigures{
    "active_bytes", "cache_bytes", "peak_bytes", "resident_bytes"};
constexpr std::size_t kPeakFigure = 2;

}  // namespace

std::string JobEnd::crash() const {
  return fmt::format(
      "{} ended without a result ({}) after step {}",
      rank == 0 ? std::string("the worker") : fmt::format("the worker of rank {}", rank),
      status.text(),
      last_step);
}

JobRun::JobRun(Options options, jobs::JobQueue& queue)
    : options_(std::move(options)),
      queue_(queue),
      log_(options_.job_id, options_.log_file, options_.ranks.size(), options_.log_bytes),
      told_log_level_(options_.log_level),
      last_sign_(base::steady_seconds()),
      memory_(options_.ranks.size()) {
  RankProcesses::Options ranks;
  ranks.launches = options_.ranks;
  ranks.spec = options_.spec;
  ranks.log_file = options_.log_file;
  ranks.record_folder = options_.record_folder;
  ranks.on_event = [this](int rank, const Json& event) { on_event(rank, event); };
  ranks.on_end = [this](const RanksEnd& end) { on_end(end); };
  ranks_ = std::make_unique<RankProcesses>(std::move(ranks));
  queue_.record_worker(options_.job_id, ranks_->pid(), std::to_string(ranks_->start_time()));
}

std::optional<JobEnd> JobRun::wait(double seconds) {
  ranks_->end_late();
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(
          lock, std::chrono::duration<double>(seconds), [this] { return has_ended_; })) {
    return std::nullopt;
  }
  return end_;
}

void JobRun::stop(bool keep_work) {
  ++stops_;
  if (stops_ == 1) {
    if (keep_work) {
      ranks_->send("checkpoint", Json::object());
    }
    ranks_->send("stop", Json::object());
  } else {
    ranks_->signal(stops_ == 2 ? SIGTERM : SIGKILL);
  }
}

void JobRun::kill() {
  ranks_->signal(SIGKILL);
}

void JobRun::follow_log_level() {
  const obs::log::Level level = obs::log::level();
  if (level != std::exchange(told_log_level_, level)) {
    ranks_->tell_all("log_level", {{"level", obs::log::to_string(level)}});
  }
}

void JobRun::pause() {
  ranks_->send("pause", Json::object());
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void JobRun::resume() {
  ranks_->send("resume", Json::object());
  const std::lock_guard lock(mutex_);
  paused_ = false;
  last_sign_ = base::steady_seconds();
}

double JobRun::quiet_seconds() const {
  const std::lock_guard lock(mutex_);
  return paused_ ? 0.0 : base::steady_seconds() - last_sign_;
}

std::uint64_t JobRun::peak_array_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_array_bytes_;
}

void JobRun::on_event(int rank, const Json& event) {
  const JsonReader reader(event);
  const std::string type = reader.string("type");
  Json data = event;
  data.erase("v");
  data.erase("type");
  if (rank == 0 && type != "memory") {  // which another thread sends, whatever its work does
    const std::lock_guard lock(mutex_);
    last_sign_ = base::steady_seconds();
  }
  if (type == "memory") {
    on_memory(rank, data);
  } else if (type == "error") {
    const base::Error error = worker_error(event);
    log_.write(rank, obs::log::Level::kError, "worker_error", {{"error", error.what()}});
    const std::lock_guard lock(mutex_);
    if (rank == 0 || !end_.error) {
      end_.error = error;
      error_rank_ = rank;
    }
  } else if (type == "log") {
    log_.event(rank, type, data);
  } else if (rank == 0) {
    on_leaders_event(type, data);
  }
}

void JobRun::on_leaders_event(const std::string& type, const Json& data) {
  const JsonReader reader(data);
  if (type != "progress") {
    log_.event(0, type, data);
  }
  if (type == "progress") {
    const auto step = reader.optional_int("step", 0, kMost).value_or(0);
    queue_.record_progress(
        options_.job_id,
        step,
        reader.optional_int("total", 0, kMost).value_or(0),
        reader.optional_number("eta_seconds", 0, 1e12));
    const std::lock_guard lock(mutex_);
    end_.last_step = step;
  } else if (type == "metric") {
    queue_.record_metric(options_.job_id, data);
  } else if (type == "sample") {
    queue_.record_sample(options_.job_id, data);
  } else if (type == "checkpoint") {
    queue_.record_checkpoint(
        options_.job_id,
        {{"step", reader.optional_int("step", 0, kMost).value_or(0)},
         {"seconds", reader.optional_number("seconds", 0, 1e9).value_or(0.0)}});
  } else if (type == "environment" && options_.environment) {
    queue_.record_environment(options_.job_id, options_.environment(data));
  } else if (type == "result") {
    const std::lock_guard lock(mutex_);
    end_.result = data.dump();
  }
}

// The job's memory is that of its processes on this machine together, told when rank 0 tells its
// own.
void JobRun::on_memory(int rank, const Json& data) {
  const auto index = static_cast<std::size_t>(rank);
  if (options_.ranks.at(index).elsewhere) {
    return;
  }
  Json all = data;
  {
    const std::lock_guard lock(mutex_);
    const JsonReader reader(data);
    for (std::size_t i = 0; i < kMemoryFigures.size(); ++i) {
      memory_.at(index).at(i) = reader.optional_int(kMemoryFigures.at(i), 0, kMost).value_or(0);
      std::int64_t sum = 0;
      for (const auto& of_rank : memory_) {
        sum += of_rank.at(i);
      }
      if (options_.ranks.size() > 1) {
        all[kMemoryFigures.at(i)] = sum;
      }
    }
    peak_array_bytes_ =
        std::max(peak_array_bytes_, static_cast<std::uint64_t>(memory_.at(index).at(kPeakFigure)));
  }
  if (rank == 0) {
    options_.memory->measured(JsonReader(all));
    queue_.record_memory(options_.job_id, all);
  }
}

void JobRun::on_end(const RanksEnd& end) {
  for (std::size_t rank = 0; rank < options_.ranks.size(); ++rank) {
    Json data = {{"status", end.status.text()}};
    if (options_.ranks.size() > 1) {
      data["ended_rank"] = end.rank;
    }
    log_.write(static_cast<int>(rank), obs::log::Level::kInfo, "worker_ended", data);
  }
  const std::lock_guard lock(mutex_);
  end_.status = end.status;
  end_.rank = end.rank;
  if (end.status.signal != 0 && error_rank_ != end.rank) {  // it complained of the one that died
    end_.error.reset();
  }
  has_ended_ = true;
  ended_.notify_all();
}

}  // namespace hub::hub
