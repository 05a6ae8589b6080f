// mlx-hub-worker: the children of `mlx-hub serve` that own MLX. Not meant to be started by hand,
// except `mlx-hub-worker doctor`.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "api/worker/blas_info.h"
#include "api/worker/doctor.h"
#include "api/worker/engine_worker.h"
#include "api/worker/heap.h"
#include "api/worker/job_worker.h"
#include "core/base/build_info.h"
#include "core/obs/log.h"

namespace {

struct Arguments {
  hub::api::EngineArguments engine;
  hub::api::JobArguments job;
  std::optional<int> threads;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string job_id;
};

// Before any thread that computes exists.
void use_threads(int threads) {
  ::setenv("MLX_HUB_THREADS", std::to_string(threads).c_str(), 1);
  hub::api::set_blas_threads(threads);
}

void add_engine(CLI::App& app, hub::api::EngineArguments& arguments) {
  CLI::App* engine = app.add_subcommand("engine", "Serve one model on a Unix socket");
  engine->add_option("--model", arguments.model_folder, "The model's folder")->required();
  engine->add_option(
      "--weights", arguments.weights_folder, "A folder of a full fine-tuning's weights");
  engine->add_option("--name", arguments.name, "The model's name in answers")->required();
  engine->add_option("--socket", arguments.socket, "Path of the Unix socket")->required();
  engine
      ->add_option("--kv-budget-bytes", arguments.kv_budget_bytes, "All key/value caches together")
      ->check(CLI::PositiveNumber);
  engine->add_option("--kv-bits", arguments.kv_bits, "Bits of each key and value, 0: floats")
      ->check(CLI::IsMember({0, 4, 8}));
  engine->add_option("--kv-window", arguments.kv_window, "Tokens whose rows stay, 0: all");
  engine->add_option("--kv-sinks", arguments.kv_sinks, "Of them the first ones");
  engine
      ->add_option(
          "--activation-bits", arguments.activation_bits, "Bits that linears multiply in, on a CPU")
      ->check(CLI::IsMember({32, 8}));
  engine->add_flag(
      "--batch-invariant",
      arguments.batch_invariant,
      "Results do not depend on the batch, on a GPU either");
  engine->add_option("--prefix-folder", arguments.prefix_folder, "Kept prefixes of all models");
  engine->add_option("--prefix-disk-bytes", arguments.prefix_disk_bytes, "All of them together");
  engine->add_option("--model-digest", arguments.model_digest, "Names the contents of the weights");
  engine->add_option("--max-running", arguments.max_running, "Requests decoded together")
      ->check(CLI::Range(1, 4096));
  engine
      ->add_option(
          "--speculative-tokens",
          arguments.speculative_tokens,
          "Tokens of one answer that are guessed and checked in a step at most, 0: none")
      ->check(CLI::Range(0, 64));
  engine->add_option(
      "--draft-model", arguments.draft_folder, "Folder of a small model that guesses tokens");
  engine->add_option("--max-waiting", arguments.max_waiting, "Requests that may wait")
      ->check(CLI::Range(1, 100'000));
  engine
      ->add_option(
          "--slow-step-seconds", arguments.slow_step_seconds, "A longer step is logged as slow")
      ->check(CLI::PositiveNumber);
}

hub::obs::log::Options log_options(const Arguments& arguments) {
  namespace log = hub::obs::log;
  log::Options options;
  options.level = log::level_from(arguments.log_level);
  options.format = arguments.log_format == "json" ? log::Format::kJson : log::Format::kText;
  options.job_id = arguments.job_id;
  if (!arguments.engine.name.empty()) {
    options.process = "engine " + arguments.engine.name;
  } else if (!arguments.job_id.empty()) {
    options.process = "job " + arguments.job_id;
  }
  return options;
}

int run(int argc, char** argv) {
  CLI::App app("MLX Model Hub: worker process");
  app.set_version_flag("--version", HUB_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  Arguments arguments;
  app.add_option("--threads", arguments.threads, "Threads that compute; default: one a core")
      ->check(CLI::Range(1, 1024));
  app.add_option("--log-level", arguments.log_level, "debug, info, warning or error");
  app.add_option("--log-format", arguments.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  add_engine(app, arguments.engine);
  CLI::App* job = app.add_subcommand("job", "Run one job");
  job->add_option(
         "--spec",
         arguments.job.spec_path,
         "The job's specification (JSON); - reads its first line from standard input")
      ->required();
  job->add_option("--job-id", arguments.job_id, "The job's id, for log lines");
  app.add_subcommand("doctor", "Print what MLX is here, and whether it computes, as JSON");
  app.add_subcommand("device", "Say in an event whether MLX computes on a GPU here");
  CLI11_PARSE(app, argc, argv);

  hub::obs::log::configure(log_options(arguments));
  if (arguments.threads) {
    use_threads(*arguments.threads);
  }
  if (app.got_subcommand("engine")) {
    const hub::base::BuildInfo build = hub::base::this_build();
    arguments.engine.build = build.version + " " + build.commit;
    hub::api::return_freed_blocks();
    return hub::api::run_engine(arguments.engine);
  }
  if (app.got_subcommand("job")) {
    arguments.job.build = hub::base::this_build();
    return hub::api::run_job(arguments.job);
  }
  if (app.got_subcommand("device")) {
    return hub::api::run_device(hub::base::this_build());
  }
  return hub::api::run_doctor();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    hub::api::begin_with_fitting_blas_kernels(argv);
    hub::api::bound_freed_heap();
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "mlx-hub-worker: " << error.what() << '\n';
    return 2;
  }
}
