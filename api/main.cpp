#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "api/cli/client_commands.h"
#include "api/doctor.h"
#include "api/maintenance.h"
#include "api/serve.h"
#include "core/base/error.h"
#include "core/hub/config.h"
#include "core/hub/folders.h"

namespace {

// The settings of the server as flags; what is given overrides file and environment.
struct ServerFlags {
  std::optional<std::filesystem::path> file;
  hub::hub::ConfigValues values;

  void add_to(CLI::App& command) {
    command.add_option("--config", file, "TOML file with settings (MLX_HUB_CONFIG)");
    const std::vector<std::pair<std::string, std::string>> flags = {
        {"host",
         "address to listen on, may be repeated (MLX_HUB_HOST); beyond loopback only with an API "
         "key of scope admin"},
        {"port", "port, 0 for a free one (MLX_HUB_PORT; default 8000)"},
        {"data_dir", "folder for everything the hub keeps (MLX_HUB_DATA_DIR)"},
        {"allow_path",
         "further folder from which models and data sets may be read, may be repeated"},
        {"allowed_hosts", "further name accepted in the Host header, may be repeated"},
        {"allowed_origins",
         "origin (https://app.example.org) whose pages may call, may be repeated"},
        {"tls_cert", "certificate in PEM, for https (MLX_HUB_TLS_CERT)"},
        {"tls_key", "its private key in PEM (MLX_HUB_TLS_KEY)"},
        {"max_handlers", "threads for requests, one for each stream (default 256)"},
        {"worker", "the mlx-hub-worker program"},
        {"default_model", "folder of the model registered at the first start"},
        {"ui_dir", "folder with the dashboard's files"},
        {"memory_fraction", "share of the machine's memory for models and jobs (default 0.75)"},
        {"memory_budget_bytes", "the same in bytes"},
        {"kv_budget_bytes", "keys and values of one engine (default 1 GiB)"},
        {"kv_bits", "bits of each key and value: 4, 8, or 0 for floats (default 0)"},
        {"kv_window", "tokens of a sequence whose keys and values stay (default 0: all)"},
        {"kv_sinks", "of them the first ones (default 4)"},
        {"activation_bits",
         "8: packed linears round what they multiply to 8 bits, on CPUs alone (default 32)"},
        {"batch_invariant",
         "on: answers do not depend on the batch on a GPU, either (default off)"},
        {"prefix_disk_bytes",
         "keys and values on disk, for the next start and what memory cannot keep (default 4 GiB, "
         "0: none)"},
        {"response_store_bytes",
         "stored answers of POST /v1/responses, all together (default 256 MiB, 0: none)"},
        {"response_store_seconds", "how long they are kept (default 30 days)"},
        {"max_running", "requests an engine decodes together (default 16)"},
        {"speculative_tokens",
         "tokens of one answer guessed and checked in a step at most (default 16, 0: none)"},
        {"draft_model",
         "model that guesses tokens for the others (NAME, a path) or for one (MODEL=NAME), may be "
         "repeated"},
        {"max_waiting", "requests that may wait for an engine (default 256)"},
        {"threads", "threads of a worker (default: one a core)"},
        {"load_timeout_seconds", "for a model to load (default 300)"},
        {"drain_timeout_seconds", "for requests in flight at shutdown (default 30)"},
        {"hf_endpoint", "the Hugging Face Hub or a mirror of it (HF_ENDPOINT)"},
        {"hf_cache", "the Hugging Face tools' cache, used without copying (HF_HUB_CACHE, HF_HOME)"},
        {"otlp_endpoint", "an OTLP/HTTP receiver of spans (OTEL_EXPORTER_OTLP_ENDPOINT)"},
        {"otlp_sample_ratio", "share of requests' traces that is exported, 0 to 1 (default 1)"},
        {"mlflow_uri", "an MLflow server that is told of everything (MLFLOW_TRACKING_URI)"},
        {"mlflow_experiment", "the experiment of all runs there (default mlx-hub)"},
        {"log_level", "debug, info, warning, error"},
        {"log_format", "auto, text, pretty, json: on standard error (default auto)"},
        {"log_file_bytes", "of one log file (default 10 MB)"},
    };
    for (const auto& [name, help] : flags) {
      std::string flag = "--" + name;
      for (char& c : flag) {
        c = c == '_' ? '-' : c;
      }
      command
          .add_option_function<std::vector<std::string>>(
              flag,
              [this, key = name](const std::vector<std::string>& given) { values[key] = given; },
              help)
          ->type_size(1)
          ->expected(1, 64);
    }
  }

  [[nodiscard]] hub::hub::Config config() const {
    auto chosen = file;
    if (const auto named = hub::api::environment_variable("MLX_HUB_CONFIG");
        !chosen && named && !named->empty()) {
      chosen = *named;
    }
    hub::hub::Config config = hub::hub::load_config(chosen, hub::api::environment_variable, values);
    if (config.worker_executable.empty()) {
      config.worker_executable = hub::api::default_worker_executable();
    }
    if (config.ui_dir.empty()) {
      config.ui_dir = hub::hub::installed_folder() / "ui";
    }
    return config;
  }
};

int run(int argc, char** argv) {
  CLI::App app(
      "MLX Model Hub: register, fine-tune, watch, promote and serve language models on this "
      "machine",
      "mlx-hub");
  app.require_subcommand(0, 1);  // an unknown word is then refused by name
  int exit_code = EXIT_SUCCESS;

  ServerFlags serve_flags;
  CLI::App* serve =
      app.add_subcommand("serve", "run the hub: HTTP API, registry, job queue, engines");
  serve_flags.add_to(*serve);
  serve->callback([&] { exit_code = hub::api::serve(serve_flags.config()); });

  ServerFlags doctor_flags;
  bool doctor_json = false;
  CLI::App* doctor =
      app.add_subcommand("doctor", "check the machine and this installation, and say what to do");
  doctor_flags.add_to(*doctor);
  doctor->add_flag("--json", doctor_json, "print JSON");
  doctor->callback([&] { exit_code = hub::api::run_doctor(doctor_flags.config(), doctor_json); });

  hub::api::add_client_commands(app, hub::api::process_setup(), exit_code);
  hub::api::add_maintenance_commands(app, hub::api::process_setup(), exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return EXIT_FAILURE;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const hub::base::Error& error) {
    fmt::print(stderr, "mlx-hub: {}\n", error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "mlx-hub: unexpected failure: {}\n", error.what());
  }
  return EXIT_FAILURE;
}
