#include <cstdint>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/hub/job_runner.h"
#include "core/obs/log.h"

// What becomes of a job whose worker has ended.
namespace hub::hub {

std::int64_t JobRunner::after(double seconds) const {
  return with_.clock.now_ms() + static_cast<std::int64_t>(seconds * 1000);
}

void JobRunner::settle(const jobs::Job& job, const Outcome& outcome, Made& made) {
  const JobEnd& end = outcome.end;
  if (end.result && end.status.success()) {
    // It may have finished just as it was asked to stop: what is done is kept.
    if (!made.write_rows) {
      made.result = std::make_shared<const base::Json>(base::parse_json(*end.result, "result"));
      made.write_rows = kinds_.at(job.kind)->store(job, *made.result);
    }
    with_.database.write(
        [&](db::Connection&) { with_.queue.complete(job.id, *made.result, made.write_rows()); });
    obs::log::info("job_completed", {{"job_id", job.id}});
    return;
  }
  const std::string cause = to_text(outcome.cause, limits(job));
  switch (outcome.cause) {
    case StopCause::kCancelled:
      with_.queue.cancelled(job.id);
      break;
    case StopCause::kTimeout:
      with_.queue.fail(job.id, cause);
      break;
    case StopCause::kShutdown:
      with_.queue.release(job.id, jobs::kWaitPosition);
      break;
    case StopCause::kYield:
      with_.queue.release(job.id, jobs::kWaitServing, after(options_.yield_seconds));
      break;
    case StopCause::kLost:
      break;
    case StopCause::kStalled:
      settle_crash(job, cause);
      return;
    case StopCause::kNone:
      if (!end.error || end.error->reason() == "ranks_not_connected") {  // a port may be taken
        settle_crash(job, end.error ? std::string(end.error->what()) : end.crash());
        return;
      }
      with_.queue.fail(job.id, end.error->what());
      break;
  }
  obs::log::info(
      "job_ended",
      {{"job_id", job.id}, {"because", end.error && cause.empty() ? end.error->what() : cause}});
}

void JobRunner::settle_crash(const jobs::Job& job, const std::string& error) {
  obs::log::error("job_crashed", {{"job_id", job.id}, {"attempt", job.attempt}, {"error", error}});
  if (job.attempt >= options_.max_attempts) {
    with_.queue.fail(
        job.id,
        options_.max_attempts == 1
            ? error
            : fmt::format("{}; given up after {} attempts", error, job.attempt));
    return;
  }
  with_.queue.retry(job.id, error, after(retry_delay_seconds(job.attempt, options_.retry_seconds)));
}

}  // namespace hub::hub
