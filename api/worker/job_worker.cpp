#include "api/worker/job_worker.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "api/worker/cuda_warning.h"
#include "api/worker/environment.h"
#include "api/worker/estimate_job.h"
#include "api/worker/evaluate_job.h"
#include "api/worker/finetune_job.h"
#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "api/worker/memory_reporter.h"
#include "api/worker/merge_job.h"
#include "api/worker/quantize_job.h"
#include "api/worker/rank_group.h"
#include "core/base/error.h"
#include "core/base/worker_protocol.h"

namespace hub::api {
namespace {

using base::Json;

constexpr std::chrono::milliseconds kMemoryInterval{1000};

// Shared with the thread that reads commands, which outlives the job: it may be waiting for input.
struct Session {
  JobControl control;
  std::atomic<bool> finished = false;
};

void read_until_closed(const std::shared_ptr<Session>& session) {
  base::read_commands([&](const Json& command) {
    if (!session->control.handle(command)) {
      base::emit_event(
          "log",
          {{"level", "warning"},
           {"message", "a job does not know this command: " + command.dump()}});
    }
  });
  if (!session->finished) {
    std::_Exit(1);  // the server is gone: nobody would take the result
  }
}

using Run = Json (*)(const JobSpec&, JobControl&, const EmitEvent&);

const std::map<std::string, Run> kKinds{
    {"finetune", run_finetune},
    {"evaluate", run_evaluate},
    {"merge", run_merge},
    {"quantize", run_quantize},
    {"estimate", run_estimate}};

Json error_data(const base::Error& error) {
  return {
      {"code", to_string(error.code())},
      {"message", error.what()},
      {"param", error.param()},
      {"reason", error.reason()}};
}

}  // namespace

bool perform_job(const JobArguments& arguments, JobControl& control, const EmitEvent& emit) {
  try {
    const JobSpec spec = arguments.spec_line
                             ? JobSpec::from_json(base::parse_protocol_line(*arguments.spec_line))
                             : JobSpec::load(arguments.spec_path);
    emit("environment", environment_facts(arguments.build));
    emit("result", kKinds.at(spec.kind)(spec, control, emit));
    return true;
  } catch (const base::Error& error) {
    emit("error", error_data(error));
  } catch (const std::exception& error) {
    emit("error", error_data(failure_of(error)));
  }
  return false;
}

// On CUDA MLX hands work to the device in graphs of up to 1000 MB of inputs, and up to ten of them
// hold their memory at once. A tenth of that cost no time that showed and saves gigabytes
// (docs/training.md). Read by MLX when it first uses the device. Metal's own bounds are lower.
void bound_work_ahead() {
#ifndef __APPLE__
  ::setenv("MLX_MAX_MB_PER_BUFFER", "100", 0);
#endif
}

int run_job(JobArguments arguments) {
  bound_work_ahead();
  std::signal(SIGPIPE, SIG_IGN);  // a server that is gone shows as closed standard input
  if (arguments.spec_path == "-") {
    std::getline(std::cin, arguments.spec_line.emplace());
  }
  const auto session = std::make_shared<Session>();
  std::thread(read_until_closed, session).detach();
  warn_about_cuda_plugin();
  bool succeeded = false;
  {
    const MemoryReporter memory(kMemoryInterval);
    succeeded = perform_job(arguments, session->control, base::emit_event);
  }
  session->finished = true;
  // Not by returning: from glibc 2.39 on exit() waits for standard input's lock, which the reading
  // thread holds until the server closes the pipe.
  std::_Exit(succeeded ? 0 : 1);
}

}  // namespace hub::api
