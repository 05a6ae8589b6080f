#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/db/migrations.h"
#include "core/hub/job_runner.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {

using jobs::Job;
using jobs::JobState;

// A kind that only passes on what it is given.
class EchoKind final : public JobKind {
 public:
  explicit EchoKind(std::uint64_t bytes) : bytes_(bytes) {}
  JobPlan plan(const Job& job, const std::filesystem::path& /*output_folder*/) override {
    if (job.model == "unplannable") {
      throw base::Error(base::ErrorCode::kConflict, "the base is not ready");
    }
    return {
        .worker_spec = job.spec_json,
        .ranks = job.model == "two ranks" ? 2 : 1,
        .estimated_bytes = bytes_,
        .memory_key = job.model == "learns" ? "kind echo" : ""};
  }
  std::optional<jobs::JobResult> finish(const Job& job, const base::Json& /*result*/) override {
    if (job.model == "no room" && tries_++ < 1) {
      throw base::Error(base::ErrorCode::kUnavailable, "the disk is full");
    }
    return std::nullopt;
  }

 private:
  std::uint64_t bytes_;
  int tries_ = 0;
};

class JobRunnerTest : public testing::Test {
 protected:
  JobRunnerTest()
      : database_(migrated(folder_.path() / "hub.db")),
        events_(database_),
        queue_(database_, clock_),
        peaks_(database_, clock_),
        pool_(
            {.worker_executable = "/nothing",
             .runtime_folder = folder_.path(),
             .log_folder = folder_.path(),
             .kv_budget_bytes = 1,
             .max_running = 1,
             .threads = 0,
             .load_timeout_seconds = 1},
            ledger_) {
    std::signal(SIGPIPE, SIG_IGN);  // as `mlx-hub serve` does: a worker may end before a command
  }

  static std::filesystem::path migrated(const std::filesystem::path& file) {
    db::migrate(file, 0);
    return file;
  }

  // A runner whose worker is this shell script ($3 is the specification's file).
  void run_worker(std::string_view script, std::uint64_t bytes = 1000) {
    std::map<std::string, std::unique_ptr<JobKind>> kinds;
    kinds["finetune"] = std::make_unique<EchoKind>(bytes);
    options_.worker_executable = folder_.write_script("worker", script);
    runner_ = std::make_unique<JobRunner>(
        options_,
        JobRunner::Collaborators{database_, queue_, events_, pool_, peaks_, clock_},
        std::move(kinds));
    runner_->start();
  }

  Job submit(const std::string& model = "m", std::optional<std::int64_t> timeout = std::nullopt) {
    jobs::NewJob job;
    job.kind = "finetune";
    job.model = model;
    job.timeout_seconds = timeout;
    return queue_.enqueue(job);
  }

  // The job once `done` holds; gives up after 20 s.
  Job wait_until(const std::string& id, const std::function<bool(const Job&)>& done) {
    for (int i = 0; i < 2000; ++i) {
      const Job job = queue_.get(id);
      if (done(job)) {
        return job;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return queue_.get(id);
  }
  std::multiset<std::string> event_types(const std::string& id) {
    std::multiset<std::string> types;
    for (const auto& event : events_.after(0, id)) {
      types.insert(event.type);
    }
    return types;
  }
  Job wait_for_end(const std::string& id) {
    return wait_until(id, [](const Job& job) { return jobs::is_ended(job.state); });
  }

  test::TempDir folder_;
  base::SystemClock clock_;
  db::Pool database_;
  jobs::EventLog events_;
  jobs::JobQueue queue_;
  JobRunner::Options options_{
      .worker_executable = {},
      .jobs_folder = folder_.path() / "jobs",
      .max_attempts = 2,
      .retry_seconds = 0.05};
  MemoryLedger ledger_{1U << 20U};
  jobs::PeakMemory peaks_;
  ModelPool pool_;
  std::unique_ptr<JobRunner> runner_;
};

}  // namespace hub::hub
