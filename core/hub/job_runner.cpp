#include "core/hub/job_runner.h"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/hub/process_info.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;

constexpr std::string_view kCancelled = "cancelled by request";
// A worker that does not stop at a step within this time gets TERM, and after the same time again
// KILL.
constexpr double kStopGraceSeconds = 15.0;
constexpr std::int64_t kMemoryRetryMs = 2000;

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
  fail_orphans();
  thread_ = std::thread([this] { work(); });
}

void JobRunner::stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void JobRunner::fail_orphans() {
  const auto ended = with_.queue.fail_orphans(
      std::string(jobs::JobQueue::kServerStopped), [](const jobs::Job& job) {
        // A worker ends when its pipe to the server closes; one that hangs is ended here, if it
        // really is that process.
        const auto pid = static_cast<pid_t>(job.worker_pid.value_or(0));
        if (pid > 0 &&
            fmt::format("{}", process_start_time(pid).value_or(0)) == job.worker_started) {
          ::kill(pid, SIGKILL);
        }
        return true;
      });
  for (const jobs::Job& job : ended) {
    obs::log::warning("job_orphaned", {{"job", job.id}, {"kind", job.kind}});
  }
}

void JobRunner::work() {
  while (!stopping_) {
    const std::uint64_t seen = with_.events.commits();
    std::optional<jobs::Job> job;
    try {
      job = with_.queue.claim("hub", with_.clock.now_ms());
      if (job) {
        run(*job);
        continue;
      }
    } catch (const std::exception& error) {
      // The database said no (disk full, locked): the loop must live on.
      obs::log::error("job_runner_failed", {{"job", job ? job->id : ""}, {"error", error.what()}});
    }
    with_.events.wait(seen, std::chrono::milliseconds(500));
  }
}

void JobRunner::run(const jobs::Job& job) {
  const std::filesystem::path folder = options_.jobs_folder / job.id;
  std::filesystem::create_directories(folder / "output");
  try {
    const auto kind = kinds_.find(job.kind);
    if (kind == kinds_.end()) {
      throw Error(
          base::ErrorCode::kNotImplemented,
          fmt::format("jobs of kind '{}' cannot be run", job.kind));
    }
    const JobPlan plan = kind->second->plan(job, folder / "output");
    auto memory = with_.pool.reserve("job " + job.id, plan.estimated_bytes);
    if (!memory) {
      with_.queue.release(job.id, jobs::kWaitMemory, with_.clock.now_ms() + kMemoryRetryMs);
      return;
    }
    base::write_file_atomically(folder / "spec.json", plan.worker_spec);

    JobRun::Options options;
    options.job_id = job.id;
    options.command = {
        options_.worker_executable.string(), "job", "--spec", (folder / "spec.json").string()};
    if (options_.threads > 0) {
      options.command.insert(
          options.command.end(), {"--threads", std::to_string(options_.threads)});
    }
    options.log_file = folder / "log.txt";
    options.memory = std::move(memory);
    JobRun worker(std::move(options), with_.queue);
    obs::log::info("job_started", {{"job", job.id}, {"kind", job.kind}, {"pid", worker.pid()}});
    std::string stopped_because;
    const JobEnd end = supervise(worker, job, stopped_because);
    settle(job, end, stopped_because);
  } catch (const std::exception& error) {
    with_.queue.fail(job.id, error.what());
    obs::log::error("job_failed", {{"job", job.id}, {"error", error.what()}});
  }
}

JobEnd JobRunner::supervise(JobRun& run, const jobs::Job& job, std::string& stopped_because) {
  const double started = base::steady_seconds();
  double next_stop = 0;
  while (true) {
    if (const auto end = run.wait(0.3)) {
      return *end;
    }
    const double now = base::steady_seconds();
    const jobs::Heartbeat heartbeat = with_.queue.heartbeat(job.id);
    if (stopped_because.empty()) {
      if (heartbeat == jobs::Heartbeat::kCancelRequested) {
        stopped_because = kCancelled;
      } else if (heartbeat == jobs::Heartbeat::kLost) {
        stopped_because = "the job was taken away";
      } else if (job.timeout_seconds && now - started > static_cast<double>(*job.timeout_seconds)) {
        stopped_because =
            fmt::format("the job ran longer than its limit of {} seconds", *job.timeout_seconds);
      } else if (stopping_) {
        stopped_because = jobs::JobQueue::kServerStopped;
      }
    }
    if (!stopped_because.empty() && now >= next_stop) {
      run.stop();
      next_stop = now + kStopGraceSeconds;
    }
  }
}

void JobRunner::settle(
    const jobs::Job& job, const JobEnd& end, const std::string& stopped_because) {
  if (end.result && end.status.success()) {
    // It may have finished just as it was asked to stop: what is done is kept.
    const base::Json result = base::parse_json(*end.result, "result");
    with_.database.write([&](db::Connection&) {
      with_.queue.complete(job.id, result, kinds_.at(job.kind)->finish(job, result));
    });
    obs::log::info("job_completed", {{"job", job.id}});
  } else if (stopped_because == kCancelled) {
    with_.queue.cancelled(job.id);
    obs::log::info("job_cancelled", {{"job", job.id}});
  } else {
    std::string reason = stopped_because;
    if (reason.empty()) {
      reason = end.error ? end.error->what()
                         : fmt::format(
                               "the worker ended without a result ({}) after step {}",
                               end.status.text(),
                               end.last_step);
    }
    with_.queue.fail(job.id, reason);
    obs::log::error("job_failed", {{"job", job.id}, {"error", reason}});
  }
}

}  // namespace hub::hub
