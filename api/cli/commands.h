#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/cli/client_commands.h"
#include "api/cli/console.h"
#include "api/cli/hub_client.h"
#include "core/base/json.h"

namespace hub::api {

// The commands themselves, free of flag parsing. Each returns the process's exit code and throws
// base::Error for what a person should read.

// Where the server is, and whether somebody said so.
struct ServerAddress {
  std::string url;     // without a slash at the end
  bool found = false;  // false: nothing names a server, `url` is the default
  bool named = false;  // by --server or MLX_HUB_SERVER
  std::filesystem::path data_folder;
  std::string api_key;  // MLX_HUB_API_KEY, else `api_key` in the data folder's config.toml, which
                        // is for that folder's own server only; "": none
};
ServerAddress find_server(
    const ClientSetup& setup,
    const std::optional<std::string>& server_flag,
    const std::optional<std::filesystem::path>& data_folder_flag);

struct RunOptions {
  std::string model;
  std::string prompt;
  std::optional<std::string> system;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<std::int64_t> seed;
  bool json = false;  // the server's whole answer, not streamed
};
// Prints the answer as it comes. Starts a server for its own time where none runs and none was
// named.
int run_command(const ClientSetup& setup, const ServerAddress& address, const RunOptions& options);

int models_command(HubClient& client, Console& console, bool json);

// What the MLflow server was not told yet; `retry`: try it now.
int mlflow_command(HubClient& client, Console& console, bool retry, bool json);

struct NewKeyOptions {
  std::string name;
  std::vector<std::string> scopes;
  std::optional<std::int64_t> expires_in_days;
  std::optional<std::int64_t> requests_per_minute;
  std::optional<std::int64_t> tokens_per_minute;
  std::optional<std::int64_t> concurrent_streams;
  bool json = false;
};
// Keys over HTTP where a server runs, else in the data folder itself: so that there is a first key
// before a server is bound beyond loopback. The secret is printed once, alone on standard output.
int create_key_command(
    const ServerAddress& address, Console& console, const NewKeyOptions& options);
int list_keys_command(const ServerAddress& address, Console& console, bool json);
int revoke_key_command(
    const ServerAddress& address, Console& console, const std::string& id_or_name, bool json);

struct TrainOptions {
  std::string model;  // "": what `config` says
  // A JSONL file, a folder with train.jsonl, or the name of a registered data set; "": what
  // `config` says.
  std::string data;
  std::optional<std::filesystem::path> config;  // YAML as mlx_lm.lora reads it
  std::optional<std::string> name;
  std::optional<std::string> objective;  // sft, dpo, orpo
  std::vector<std::string> settings;     // "key=value"
  // Ranks that train together. The rows that `config` gives a step are shared out among them, as
  // mlx.launch's ranks share them.
  std::optional<int> data_parallel;
  bool watch = false;
  bool dry_run = false;  // only show what the job would take
  bool json = false;
};
// The registered name of what --data names: a file or folder is registered now.
std::string register_data(HubClient& client, Console& console, const std::string& data);
// "key=value": a number, true, false, null, list or object as JSON; anything else is text. Throws
// kInvalidArgument.
std::pair<std::string, base::Json> setting_of(const std::string& setting);

int train_command(HubClient& client, Console& console, const TrainOptions& options);

// Posts the job and prints its id, or watches it.
int submit_job_command(
    HubClient& client, Console& console, const base::Json& body, bool watch, bool json);

int list_jobs_command(HubClient& client, Console& console, std::size_t limit, bool json);
int cancel_job_command(HubClient& client, Console& console, const std::string& id, bool json);
int resume_job_command(HubClient& client, Console& console, const std::string& id, bool json);
// Shows progress until the job ends: 0 COMPLETED, 1 otherwise. Goes on where it was after a lost
// connection.
int watch_job_command(HubClient& client, Console& console, const std::string& id, bool json);

struct PullOptions {
  std::string repository;
  std::optional<std::string> name;  // default: the repository's own
  std::optional<std::string> revision;
  std::optional<std::string> base;  // adapters: what it was trained on
  bool force = false;
  bool dry_run = false;
  bool json = false;
};
// Registers the model where it is missing, shows what will be downloaded and whether it fits, and
// watches the pull.
int pull_command(HubClient& client, Console& console, const PullOptions& options);

struct PushOptions {
  std::string model;
  std::string repository;
  std::optional<std::string> revision;
  std::optional<std::string> message;
  bool is_private = false;
  bool json = false;
};
// Uploads a model or adapter with a model card and watches it.
int push_command(HubClient& client, Console& console, const PushOptions& options);

struct ImportOptions {
  std::string path;  // a model or adapter folder, a .gguf file, or a .tar that `export` wrote
  std::string name;  // "": an archive's own
  std::optional<std::string> base;
  bool reference = false;  // leave the files where they are
  bool json = false;
};
// Shows how far it is (import_watch.h), unless `json`.
int import_command(HubClient& client, Console& console, const ImportOptions& options);

// Writes the model's archive to `file`, which must not exist: to a name beside it until it is
// whole.
int export_command(
    HubClient& client,
    Console& console,
    const std::string& model,
    const std::filesystem::path& file,
    bool json);
// Uploads an archive; `name` "" keeps its own. Shows how far the hub is with it, unless `json`.
int import_archive_command(
    HubClient& client,
    Console& console,
    const std::filesystem::path& file,
    const std::string& name,
    bool json);

}  // namespace hub::api
