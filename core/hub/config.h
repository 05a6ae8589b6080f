#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hub::hub {

// A value of the setting draft_model.
struct DraftChoice {
  std::string model;  // whose answers are guessed; "": those of all models
  std::string draft;  // a `model` value, or an absolute path
};

// Everything a server can be told. Sources, later ones win: these defaults, the TOML file, the
// environment (MLX_HUB_HOST, …), the command line. Validated once by load_config(); constant
// afterwards.
struct Config {
  std::vector<std::string> hosts = {
      "127.0.0.1", "::1"};              // host: beyond loopback only with an API key of scope admin
  int port = 8000;                      // port: 0 picks a free one
  std::filesystem::path data_dir;       // data_dir
  std::filesystem::path settings_file;  // that was read; "": none
  std::vector<std::filesystem::path>
      allow_paths;                         // allow_path: further roots for client-given paths
  std::vector<std::string> allowed_hosts;  // allowed_hosts: further names in the Host header
  std::vector<std::string>
      allowed_origins;  // allowed_origins: whose pages may call ("https://a.b")
  // metrics_listen: "address:port" of a listener that answers GET /metrics alone, to anybody who
  // reaches it; "": none
  std::string metrics_listen;
  // tls_cert, tls_key: PEM files; both: https instead of http
  std::filesystem::path tls_cert;
  std::filesystem::path tls_key;
  std::size_t max_handlers = 256;  // max_handlers: threads for requests; a stream holds one
  std::string api_key;  // api_key: what the command line sends; the server never reads it
  std::filesystem::path worker_executable;  // worker: mlx-hub-worker; default: beside this program
  std::filesystem::path default_model;      // default_model: folder registered at the first start
  std::filesystem::path ui_dir;             // ui_dir: the dashboard; default: installed_folder()'s
  double memory_fraction = 0.75;            // memory_fraction: of the machine's memory, (0, 1]
  std::uint64_t memory_budget_bytes = 0;    // memory_budget_bytes: 0 means by fraction
  std::uint64_t kv_budget_bytes = 1ULL << 30U;  // kv_budget_bytes: keys and values of one engine
  int kv_bits = 0;                              // kv_bits: of each key and value, 4 or 8; 0: floats
  // kv_window: tokens of a sequence whose keys and values stay; 0: all
  int kv_window = 0;
  int kv_sinks = 4;          // kv_sinks: of them the first ones, the others are the last ones
  int activation_bits = 32;  // activation_bits: 8: what packed linears multiply is rounded to
  // batch_invariant: "on": answers do not depend on the batch on a GPU, either
  bool batch_invariant = false;
  // prefix_disk_bytes: kept prefixes of all models together on disk; 0: none
  std::uint64_t prefix_disk_bytes = 4ULL << 30U;
  // response_store_bytes: stored answers of POST /v1/responses; 0: none
  std::uint64_t response_store_bytes = 256ULL << 20U;
  double response_store_seconds = 30 * 86400.0;  // response_store_seconds: they are kept for
  int max_running = 16;         // max_running: sequences an engine decodes together
  int speculative_tokens = 16;  // speculative_tokens: guessed and checked in a step, of one answer
  // draft_model: NAME or MODEL=NAME; which models guess tokens for others
  std::vector<DraftChoice> draft_models;
  int threads = 0;                      // threads of a worker; 0: one a core
  int max_waiting = 256;                // max_waiting: requests that may wait for one
  double load_timeout_seconds = 300.0;  // load_timeout_seconds: for an engine to become ready
  double drain_timeout_seconds = 30.0;  // drain_timeout_seconds: at shutdown
  std::string hf_endpoint;              // hf_endpoint: the Hub or a mirror; "": HF_ENDPOINT
  std::string hf_token;                 // hf_token: "": HF_TOKEN, or what `hf auth login` stored
  std::filesystem::path hf_cache;       // hf_cache: "": HF_HUB_CACHE, HF_HOME
  int queue_limit = 1000;               // queue_limit: jobs that may wait
  int device_jobs = 1;                  // device_jobs: training jobs at once
  std::filesystem::path hostfile;       // hostfile: of mlx.launch; "": all ranks on this machine
  std::string ssh = "ssh";              // ssh: the program that reaches its hosts
  int job_max_attempts = 3;             // job_max_attempts: crashes until a job fails for good
  double job_retry_seconds = 2.0;    // job_retry_seconds: to the second attempt, then 4 x as long
  double job_stall_seconds = 600.0;  // job_stall_seconds: without progress until it is ended
  double engine_stall_seconds = 120.0;  // engine_stall_seconds: the same for an engine
  // engine_slow_step_seconds: a longer step is told of; 0: half of engine_stall_seconds
  double engine_slow_step_seconds = 0.0;
  double idle_unload_seconds = 0.0;    // idle_unload_seconds: 0: engines stay until room is needed
  double job_patience_seconds = 10.0;  // job_patience_seconds: idle time until a job may take an
                                       // engine's memory
  double temperature_limit_celsius = 95.0;   // temperature_limit_celsius: jobs rest; 0: never
  double temperature_resume_celsius = 85.0;  // temperature_resume_celsius: … until it is this low
  std::filesystem::path temperature_sensor;  // temperature_sensor: a file; default: the system's
  bool telemetry = true;                     // telemetry: "off": no metrics and no spans
  std::string otlp_endpoint;  // otlp_endpoint: spans go there; "": OTEL_EXPORTER_OTLP_ENDPOINT
  // otlp_sample_ratio: of the requests' traces; below 0: OTEL_TRACES_SAMPLER_ARG, else all
  double otlp_sample_ratio = -1.0;
  std::string mlflow_uri;       // mlflow_uri: an MLflow 3 server; "": MLFLOW_TRACKING_URI
  std::string mlflow_username;  // mlflow_username: "": MLFLOW_TRACKING_USERNAME
  std::string mlflow_password;  // mlflow_password: "": MLFLOW_TRACKING_PASSWORD
  std::string mlflow_token;     // mlflow_token: "": MLFLOW_TRACKING_TOKEN
  // mlflow_ca_file: what its certificate must lead to; "": MLFLOW_TRACKING_SERVER_CERT_PATH
  std::filesystem::path mlflow_ca_file;
  bool mlflow_insecure_tls = false;           // mlflow_insecure_tls: on: its certificate may be any
  std::string mlflow_experiment = "mlx-hub";  // mlflow_experiment: for all runs
  // mlflow_artifact_limit_bytes: larger files of versions are only named there
  std::uint64_t mlflow_artifact_limit_bytes = 256ULL << 20U;
  std::uint64_t mlflow_part_bytes = 64ULL << 20U;  // mlflow_part_bytes: mlflow::Settings'
  std::string log_level = "info";                  // log_level: debug, info, warning, error
  std::string log_format = "auto";  // log_format: text, pretty, json; auto: pretty on a terminal
  std::uint64_t log_file_bytes = 10'000'000;  // log_file_bytes: of one log file

  // Others than this machine can reach it.
  [[nodiscard]] bool beyond_loopback() const;
};

// What the command line gave, by the names above.
using ConfigValues = std::map<std::string, std::vector<std::string>>;

// Defaults < file < environment < flags. `file`: nullopt reads `config.toml` in the data folder
// where there is one; a named file must exist. Throws kInvalidArgument naming the setting, where it
// came from, what was wanted and what came.
Config load_config(
    const std::optional<std::filesystem::path>& file,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const ConfigValues& flags);

// `api_key` of config.toml in a data folder; "" where there is none. Throws as load_config() for a
// file that cannot be parsed.
std::string configured_api_key(const std::filesystem::path& data_folder);

// True for 127.0.0.0/8, ::1 and "localhost".
bool is_loopback(const std::string& host);

}  // namespace hub::hub
