#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hub::jobs {

enum class JobState : std::uint8_t { kQueued, kRunning, kCompleted, kFailed, kCancelled };

// "QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED": as stored and as answered.
std::string_view to_string(JobState state);
// nullopt for an unknown word; letter case is ignored.
std::optional<JobState> job_state_from(std::string_view word);

// The allowed transitions, one table. COMPLETED allows none, the other ended states only QUEUED.
bool may_become(JobState from, JobState to);
bool is_ended(JobState state);

// Why a QUEUED job waits (the job's `reason` while it waits).
inline constexpr std::string_view kWaitPosition = "position";
inline constexpr std::string_view kWaitWeights = "waiting_for_weights";
inline constexpr std::string_view kWaitMemory = "waiting_for_memory";
inline constexpr std::string_view kWaitPaused = "queue_paused";
inline constexpr std::string_view kWaitServing = "yielded_to_serving";
inline constexpr std::string_view kWaitRetry = "retry_at";

// The kind that brings the files of a version; jobs on it wait for its end.
inline constexpr std::string_view kPullKind = "pull";

// Jobs of one lane run one at a time: `device` for what computes, `host` for what needs no device.
inline constexpr std::string_view kDeviceLane = "device";
inline constexpr std::string_view kHostLane = "host";

struct Progress {
  std::int64_t step = 0;
  std::int64_t total = 0;
  std::optional<double> eta_seconds;
};

// What a job did to the registry: the version that it made.
struct JobResult {
  std::string model;         // name
  std::int64_t version = 0;  // number
  std::string version_id;
};

// One row. JSON travels as text; times are milliseconds since 1970 UTC.
struct Job {
  std::string id;
  std::int64_t sequence = 0;  // order of arrival
  std::string kind;           // finetune, evaluate, merge, quantize, import, profile, pull, push
  std::string lane;
  JobState state = JobState::kQueued;
  std::string reason;     // QUEUED: why it waits; FAILED, CANCELLED: why it ended; else empty
  std::string spec_json;  // what was asked for, defaults filled in (docs/http-api.md, POST /jobs)
  std::string model;      // what `model` was asked for
  std::optional<std::string> model_id;
  std::optional<std::string> version_id;  // the version it works on
  std::optional<std::string> dataset_id;
  int priority = 0;
  int attempt = 0;         // how often its work was begun; giving it back unharmed does not count
  std::string last_error;  // why the last attempt ended
  std::optional<std::int64_t> not_before_ms;
  std::optional<std::int64_t> timeout_seconds;
  bool cancel_requested = false;
  std::string worker;  // who claimed it
  std::optional<std::int64_t> worker_pid;
  std::string worker_started;  // the process's start time as the system tells it: pids come again
  std::optional<std::int64_t> lease_until_ms;
  std::int64_t created_at_ms = 0;
  std::optional<std::int64_t> started_at_ms;
  std::optional<std::int64_t> ended_at_ms;
  std::optional<Progress> progress;
  std::string metrics_json = "{}";  // the latest value of each metric
  std::optional<std::int64_t> estimated_bytes;
  std::optional<std::int64_t> peak_bytes;
  std::optional<JobResult> result;
  std::string result_json = "{}";         // the worker's whole result
  std::optional<std::string> reproduces;  // the job that it does again, which may be gone
};

}  // namespace hub::jobs
