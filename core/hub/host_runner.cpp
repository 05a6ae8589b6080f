#include "core/hub/host_runner.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/settle.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{250};
constexpr double kProgressInterval = 1.0;
constexpr int kLongestList = 1000;

enum class Stopped : std::uint8_t { kNo, kCancelled, kTimeout, kShutdown, kLost };

// Looks after a running job on a thread of its own: keeps its lease and says when it is to stop.
class Watch {
 public:
  Watch(jobs::JobQueue& queue, const jobs::Job& job, const std::atomic<bool>& shutdown)
      : queue_(queue), job_(job), shutdown_(shutdown), thread_([this] { work(); }) {}
  ~Watch() { end(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Why it stopped the job; ends the watching.
  Stopped end() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
    return why_;
  }
  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_; }

 private:
  void work() {
    const double started = base::steady_seconds();
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kWatchInterval, [this] { return over_; })) {
      if (why_ != Stopped::kNo) {
        continue;
      }
      why_ = look(base::steady_seconds() - started);
      stop_ = why_ != Stopped::kNo;
    }
  }

  [[nodiscard]] Stopped look(double seconds) {
    if (shutdown_) {
      return Stopped::kShutdown;
    }
    if (job_.timeout_seconds && seconds > static_cast<double>(*job_.timeout_seconds)) {
      return Stopped::kTimeout;
    }
    try {
      switch (queue_.heartbeat(job_.id)) {
        case jobs::Heartbeat::kContinue:
          return Stopped::kNo;
        case jobs::Heartbeat::kCancelRequested:
          return Stopped::kCancelled;
        case jobs::Heartbeat::kLost:
          return Stopped::kLost;
      }
    } catch (const std::exception& error) {
      // A full disk keeps the lease from being written; nobody else takes the job meanwhile.
      obs::log::warning("host_job_heartbeat", {{"job_id", job_.id}, {"error", error.what()}});
    }
    return Stopped::kNo;
  }

  jobs::JobQueue& queue_;
  const jobs::Job& job_;
  const std::atomic<bool>& shutdown_;
  std::atomic<bool> stop_{false};
  Stopped why_ = Stopped::kNo;  // the thread's until it has ended
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace

void HostJobContext::progress(
    std::int64_t step,
    std::int64_t total,
    std::optional<double> eta_seconds,
    const base::Json& details,
    bool final) {
  const double now = base::steady_seconds();
  if (now < next_seconds_ && !final) {
    return;
  }
  next_seconds_ = now + kProgressInterval;
  try {
    queue_.record_progress(job_id_, step, total, eta_seconds, &details);
  } catch (const std::exception& error) {
    obs::log::warning("host_job_progress", {{"job_id", job_id_}, {"error", error.what()}});
  }
}

HostRunner::HostRunner(const Collaborators& collaborators, HostJobKinds kinds)
    : with_(collaborators), kinds_(std::move(kinds)) {}

HostRunner::~HostRunner() {
  stop();
}

void HostRunner::recover() {
  jobs::JobFilter running;
  running.state = jobs::JobState::kRunning;
  running.limit = kLongestList;
  for (const jobs::Job& job : with_.queue.list(running)) {
    if (job.lane == jobs::kHostLane && with_.queue.release(job.id, jobs::kWaitPosition)) {
      obs::log::info("host_job_recovered", {{"job_id", job.id}, {"kind", job.kind}});
    }
  }
}

void HostRunner::start() {
  thread_ = std::thread([this] { work(); });
}

void HostRunner::stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void HostRunner::work() {
  while (!stopping_) {
    const std::uint64_t seen = with_.events.commits();
    try {
      if (const auto job = with_.queue.claim("hub", with_.clock.now_ms(), jobs::kHostLane)) {
        run(*job);
        continue;
      }
    } catch (const std::exception& error) {
      obs::log::error("host_runner_failed", {{"error", error.what()}});
    }
    with_.events.wait(seen, std::chrono::milliseconds(500));
  }
}

void HostRunner::run(const jobs::Job& job) {
  obs::log::info("job_started", {{"job_id", job.id}, {"kind", job.kind}});
  Watch watch(with_.queue, job, stopping_);
  std::string failure;
  HostJobEnd end;
  try {
    const auto kind = kinds_.find(job.kind);
    if (kind == kinds_.end()) {
      throw base::Error(
          base::ErrorCode::kNotImplemented,
          fmt::format("jobs of kind '{}' cannot be run", job.kind));
    }
    HostJobContext context(with_.queue, job.id, watch.stop());
    end = kind->second->run(job, context);
    with_.database.write([&](db::Connection&) {
      std::optional<jobs::JobResult> made;
      if (end.finish) {
        made = end.finish();
      }
      with_.queue.complete(job.id, base::parse_json(end.result_json, "result"), made);
    });
    static_cast<void>(watch.end());
    obs::log::info("job_completed", {{"job_id", job.id}});
    if (end.clean_up) {
      end.clean_up();
    }
    return;
  } catch (const std::exception& error) {
    failure = error.what();
    if (end.undo) {
      end.undo();
    }
  }
  switch (watch.end()) {
    case Stopped::kCancelled:
      settle_when_possible(job.id, stopping_, [&] { with_.queue.cancelled(job.id); });
      break;
    case Stopped::kShutdown:
      settle_when_possible(
          job.id, stopping_, [&] { with_.queue.release(job.id, jobs::kWaitPosition); });
      break;
    case Stopped::kTimeout:
      failure = fmt::format(
          "the job ran longer than its limit of {} seconds", job.timeout_seconds.value_or(0));
      settle_when_possible(job.id, stopping_, [&] { with_.queue.fail(job.id, failure); });
      break;
    case Stopped::kLost:
      break;
    case Stopped::kNo:
      obs::log::error("job_failed", {{"job_id", job.id}, {"error", failure}});
      settle_when_possible(job.id, stopping_, [&] { with_.queue.fail(job.id, failure); });
      break;
  }
}

}  // namespace hub::hub
