#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hub::hub {

// Everything a server can be told. Sources, later ones win: these defaults, the TOML file, the
// environment (MLX_HUB_HOST, …), the command line. Validated once by load_config(); constant
// afterwards.
struct Config {
  std::vector<std::string> hosts = {
      "127.0.0.1", "::1"};         // host: beyond loopback only with an API key of scope admin
  int port = 8000;                 // port: 0 picks a free one
  std::filesystem::path data_dir;  // data_dir
  std::vector<std::filesystem::path>
      allow_paths;                         // allow_path: further roots for client-given paths
  std::vector<std::string> allowed_hosts;  // allowed_hosts: further names in the Host header
  std::vector<std::string>
      allowed_origins;             // allowed_origins: whose pages may call ("https://a.b")
  std::size_t max_handlers = 256;  // max_handlers: threads for requests; a stream holds one
  std::string api_key;  // api_key: what the command line sends; the server never reads it
  std::filesystem::path worker_executable;  // worker: mlx-hub-worker; default: beside this program
  std::filesystem::path default_model;      // default_model: folder registered at the first start
  double memory_fraction = 0.75;            // memory_fraction: of the machine's memory, (0, 1]
  std::uint64_t memory_budget_bytes = 0;    // memory_budget_bytes: 0 means by fraction
  std::uint64_t kv_budget_bytes = 1ULL << 30U;  // kv_budget_bytes: keys and values of one engine
  int max_running = 16;                         // max_running: sequences an engine decodes together
  int threads = 0;                              // threads of a worker; 0: one a core
  double load_timeout_seconds = 300.0;  // load_timeout_seconds: for an engine to become ready
  double drain_timeout_seconds = 30.0;  // drain_timeout_seconds: at shutdown
  std::string hf_endpoint;              // hf_endpoint: the Hub or a mirror; "": HF_ENDPOINT
  std::string hf_token;                 // hf_token: "": HF_TOKEN, or what `hf auth login` stored
  std::filesystem::path hf_cache;       // hf_cache: "": HF_HUB_CACHE, HF_HOME
  std::string log_level = "info";       // log_level: debug, info, warning, error
  std::string log_format = "text";      // log_format: text, json

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
