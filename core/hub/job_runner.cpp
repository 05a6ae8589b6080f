#include "core/hub/job_runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/hub/job_environment.h"
#include "core/hub/process_info.h"
#include "core/hub/rank_launch.h"
#include "core/hub/settle.h"
#include "core/model_config/memory_estimate.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;

// A worker that does not stop at a step within this time gets TERM, and after the same time again
// KILL. One that writes a checkpoint first gets longer.
constexpr double kStopGraceSeconds = 15.0;
constexpr double kCheckpointGraceSeconds = 60.0;
constexpr std::chrono::milliseconds kIdleWait{500};
constexpr double kLookSeconds = 0.25;

// One more job runs while it lives.
class Running {
 public:
  explicit Running(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Running() { --count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace

JobRunner::JobRunner(
    Options options,
    const Collaborators& collaborators,
    std::map<std::string, std::unique_ptr<JobKind>> kinds)
    : options_(std::move(options)), with_(collaborators), kinds_(std::move(kinds)) {}

JobRunner::~JobRunner() {
  stop();
}

void JobRunner::start() {
  take_up_orphans();
  for (int i = 0; i < options_.device_jobs; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

void JobRunner::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

bool JobRunner::yield() {
  ++yields_;
  return running_ > 0;
}

void JobRunner::take_up_orphans() {
  jobs::JobFilter running;
  running.state = jobs::JobState::kRunning;
  running.limit = 1000;
  for (const jobs::Job& job : with_.queue.list(running)) {
    if (job.lane != jobs::kDeviceLane) {
      continue;
    }
    // A worker ends when its pipe to the server closes; one that hangs is ended here, if it really
    // is that process. The job is nobody's only when it is gone.
    const auto pid = static_cast<pid_t>(job.worker_pid.value_or(0));
    end_process(pid, job.worker_started);
    with_.queue.release(job.id, jobs::kWaitPosition);
    obs::log::warning("job_orphaned", {{"job_id", job.id}, {"kind", job.kind}});
  }
}

void JobRunner::work() {
  std::optional<Planned> planned;
  while (!stopping_) {
    const std::uint64_t seen = with_.events.commits();
    try {
      if (take_next(planned)) {
        continue;
      }
    } catch (const std::exception& error) {
      // The database said no (disk full, locked): the loop must live on.
      obs::log::error("job_runner_failed", {{"error", error.what()}});
    }
    with_.events.wait(seen, kIdleWait);
  }
}

bool JobRunner::take_next(std::optional<Planned>& planned) {
  const auto next = with_.queue.next(with_.clock.now_ms(), jobs::kDeviceLane, options_.device_jobs);
  if (!next) {
    return false;
  }
  const auto claim = [&] {
    return with_.queue.claim(
        "hub", with_.clock.now_ms(), jobs::kDeviceLane, options_.device_jobs, next->id);
  };
  try {
    // A plan from before a device lowered the budget is made anew, and refused if it must.
    if (!planned || planned->job_id != next->id || planned->bytes > with_.pool.budget_bytes()) {
      planned = make_plan(*next);
    }
  } catch (const std::exception& error) {
    if (claim()) {
      const std::string reason = error.what();
      obs::log::error("job_failed", {{"job_id", next->id}, {"error", reason}});
      settle_when_possible(next->id, stopping_, [&] { with_.queue.fail(next->id, reason); });
    }
    return true;
  }
  // From before it holds memory, so that no yield() in between is missed.
  const std::uint64_t yields_before = yields_;
  const Running running(running_);
  auto grant = reserve(*planned);
  if (!grant) {
    with_.queue.waiting(next->id, jobs::kWaitMemory);
    return false;
  }
  if (const auto job = claim()) {  // else it was cancelled or overtaken: look again
    const Planned mine = std::move(*planned);
    planned.reset();
    run(*job, mine.plan, {std::move(*grant), yields_before});
  }
  return true;
}

std::optional<JobRunner::Grant> JobRunner::reserve(const Planned& planned) {
  const std::string owner = "job " + planned.job_id;
  const std::uint64_t wanted = planned.plan.preferred_bytes;
  // The comfortable amount only where plenty is free: others may want to load.
  if (wanted > planned.bytes && wanted <= with_.pool.free_bytes() / 2) {
    if (auto memory = with_.pool.reserve_for_job(owner, wanted)) {
      return Grant{std::move(memory), wanted};
    }
  }
  if (auto memory = with_.pool.reserve_for_job(owner, planned.bytes)) {
    return Grant{std::move(memory), planned.bytes};
  }
  return std::nullopt;
}

JobRunner::Planned JobRunner::make_plan(const jobs::Job& job) {
  const auto kind = kinds_.find(job.kind);
  if (kind == kinds_.end()) {
    throw Error(
        base::ErrorCode::kNotImplemented, fmt::format("jobs of kind '{}' cannot be run", job.kind));
  }
  const std::filesystem::path output = options_.jobs_folder / job.id / "output";
  std::filesystem::create_directories(output);
  Planned planned{.job_id = job.id, .plan = kind->second->plan(job, output)};
  options_.hosts.check(planned.plan.ranks);
  const auto local = static_cast<std::uint64_t>(options_.hosts.local_ranks(planned.plan.ranks));
  planned.plan.estimated_bytes *= local;
  planned.plan.preferred_bytes *= local;
  const std::uint64_t budget = with_.pool.budget_bytes();
  if (planned.plan.estimated_bytes > budget) {  // else it would wait for ever
    throw Error(
        base::ErrorCode::kInsufficientMemory,
        fmt::format(
            "this job needs about {} MiB and the memory budget is {} MiB, even with nothing else "
            "loaded; a smaller batch_size, a smaller max_seq_length or a smaller model needs less",
            planned.plan.estimated_bytes >> 20U,
            budget >> 20U),
        "params",
        "insufficient_memory");
  }
  planned.bytes = std::min(
      with_.peaks.corrected(planned.plan.memory_key, planned.plan.estimated_bytes), budget);
  return planned;
}

void JobRunner::run(const jobs::Job& job, const JobPlan& plan, Start start) {
  std::string failure;
  try {
    const Outcome outcome = run_worker(job, plan, std::move(start));
    bool tried = false;
    Made made;
    settle_when_possible(job.id, stopping_, [&] {
      // Who does not want to wait until there is room cancels.
      if (std::exchange(tried, true) && heartbeat(job.id) == jobs::Heartbeat::kCancelRequested) {
        with_.queue.cancelled(job.id);
      } else {
        settle(job, outcome, made);
      }
    });
    return;
  } catch (const std::exception& error) {
    failure = error.what();
  }
  obs::log::error("job_failed", {{"job_id", job.id}, {"error", failure}});
  settle_when_possible(job.id, stopping_, [&] { with_.queue.fail(job.id, failure); });
}

JobRunner::Outcome JobRunner::run_worker(const jobs::Job& job, const JobPlan& plan, Start start) {
  const std::unique_ptr<JobRun> worker = start_worker(job, plan, std::move(start.grant));
  const Outcome outcome = supervise(*worker, job, start.yields_before);
  if (outcome.end.result) {
    try {
      with_.peaks.record(
          plan.memory_key,
          plan.estimated_bytes,
          static_cast<std::uint64_t>(options_.hosts.local_ranks(plan.ranks)) *
              model_config::worker_bytes(worker->peak_array_bytes()));
    } catch (const base::Error& error) {  // only later estimates miss it
      obs::log::warning("peak_not_recorded", {{"job_id", job.id}, {"error", error.what()}});
    }
  }
  return outcome;
}

std::unique_ptr<JobRun> JobRunner::start_worker(
    const jobs::Job& job, const JobPlan& plan, Grant grant) {
  const std::filesystem::path folder = options_.jobs_folder / job.id;
  base::Json spec = base::parse_json(plan.worker_spec, "the worker's specification");
  const auto local = static_cast<std::uint64_t>(options_.hosts.local_ranks(plan.ranks));
  spec["memory_limit_bytes"] = model_config::array_bytes_within(grant.bytes / local);
  if (plan.ranks > 1) {
    spec["distributed"] = options_.hosts.backend();
  }
  base::write_file_atomically(folder / "spec.json", spec.dump(2) + "\n");
  JobRun::Options options;
  options.job_id = job.id;
  options.log_level = obs::log::level();
  options.log_bytes = options_.log_bytes;
  options.ranks = launch_ranks(
      {.worker_executable = options_.worker_executable,
       .threads = options_.threads,
       .ssh = options_.ssh,
       .log_level = options.log_level},
      options_.hosts,
      plan.ranks,
      folder);
  options.spec = spec.dump();
  options.log_file = folder / "log.txt";
  options.record_folder = options_.record_folder;
  options.memory = std::move(grant.memory);
  if (options_.server_facts) {
    options.environment = [server = options_.server_facts(),
                           inputs = job_inputs(spec)](const base::Json& worker) {
      return job_environment(server, worker, inputs);
    };
  }
  auto worker = std::make_unique<JobRun>(std::move(options), with_.queue);
  obs::log::info(
      "job_started",
      {{"job_id", job.id}, {"kind", job.kind}, {"attempt", job.attempt}, {"pid", worker->pid()}});
  return worker;
}

JobLimits JobRunner::limits(const jobs::Job& job) const {
  return {.timeout_seconds = job.timeout_seconds, .stall_seconds = options_.stall_seconds};
}

JobRunner::Outcome JobRunner::supervise(
    JobRun& run, const jobs::Job& job, std::uint64_t yields_before) {
  Outcome outcome;
  const JobLimits limits = this->limits(job);
  double last_look = base::steady_seconds();
  double running_seconds = 0;
  double next_stop = 0;
  bool resting = false;
  while (true) {
    if (const auto end = run.wait(kLookSeconds)) {
      outcome.end = *end;
      return outcome;
    }
    run.follow_log_level();
    const double now = base::steady_seconds();
    running_seconds += resting ? 0.0 : now - last_look;
    last_look = now;
    JobSigns signs;
    signs.heartbeat = heartbeat(job.id);
    signs.running_seconds = running_seconds;
    signs.quiet_seconds = run.quiet_seconds();
    signs.hub_stops = stopping_;
    signs.must_yield = yields_ != yields_before;
    if (outcome.cause == StopCause::kNone) {
      outcome.cause = stop_cause(signs, limits);
    }
    if (outcome.cause != StopCause::kNone) {
      if (outcome.cause == StopCause::kStalled) {
        run.kill();  // what hangs does not listen
      } else if (now >= next_stop) {
        const bool keep = keeps_work(outcome.cause);
        run.stop(keep);
        next_stop = now + (keep ? kCheckpointGraceSeconds : kStopGraceSeconds);
      }
    } else if (resting != resting_) {
      resting = resting_;
      resting ? run.pause() : run.resume();
      tell_rest(job.id, resting);
    }
  }
}

jobs::Heartbeat JobRunner::heartbeat(const std::string& job_id) {
  try {
    return with_.queue.heartbeat(job_id);
  } catch (const base::Error& error) {
    // A full disk keeps the lease from being written; nobody else takes the job meanwhile.
    obs::log::warning("job_heartbeat", {{"job_id", job_id}, {"error", error.what()}});
    return jobs::Heartbeat::kContinue;
  }
}

void JobRunner::tell_rest(const std::string& job_id, bool resting) {
  try {
    with_.events.append(
        with_.clock.now_ms(),
        resting ? "job.cooling" : "job.cooled",
        "job",
        job_id,
        base::Json::object());
  } catch (const base::Error& error) {
    obs::log::warning("job_rest_not_told", {{"job_id", job_id}, {"error", error.what()}});
  }
}

}  // namespace hub::hub
