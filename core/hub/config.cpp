#include "core/hub/config.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/hub/config_values.h"
#include "core/hub/folders.h"
#include "core/model_config/kv_window.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::uint64_t kMaxBytes = 1ULL << 50U;

// A setting that is one number of a Config.
auto real_of(double Config::* field, double low, double high) {
  return [=](Config& c, const std::vector<std::string>& v, const std::string& s) {
    c.*field = number(v[0], s, low, high);
  };
}

auto bytes_of(std::uint64_t Config::* field, std::uint64_t low) {
  return [=](Config& c, const std::vector<std::string>& v, const std::string& s) {
    c.*field = whole(v[0], s, low, kMaxBytes);
  };
}

auto count_of(int Config::* field, std::uint64_t low, std::uint64_t high) {
  return [=](Config& c, const std::vector<std::string>& v, const std::string& s) {
    c.*field = static_cast<int>(whole(v[0], s, low, high));
  };
}

// A setting: its name and how its values (one unless said) go into the Config.
struct Setting {
  std::string name;
  bool list;
  std::function<void(Config&, const std::vector<std::string>&, const std::string& source)> apply;
};

using Values = std::vector<std::string>;
using Source = const std::string&;

// "": the default
auto path_of(fs::path Config::* field) {
  return [field](Config& c, const Values& v, Source s) {
    c.*field = v[0].empty() ? fs::path() : absolute_path(v[0], s);
  };
}

// Where it listens, who may call, and what callers may name.
std::vector<Setting> door_settings() {
  const auto paths = [](Config& c, const Values& v, Source s) {
    c.allow_paths.clear();
    for (const auto& path : v) {
      c.allow_paths.push_back(absolute_path(path, s));
    }
  };
  return {
      {"host", true, [](Config& c, const Values& v, Source) { c.hosts = v; }},
      {"port", false, count_of(&Config::port, 0, 65535)},
      {"allow_path", true, paths},
      {"allowed_hosts",
       true,
       [](Config& c, const Values& v, Source s) {
         for (const std::string& host : v) {
           check_host_name(host, s);
         }
         c.allowed_hosts = v;
       }},
      {"allowed_origins",
       true,
       [](Config& c, const Values& v, Source s) {
         for (const std::string& origin : v) {
           check_origin(origin, s);
         }
         c.allowed_origins = v;
       }},
      {"metrics_listen",
       false,
       [](Config& c, const Values& v, Source s) {
         const std::size_t colon = v[0].rfind(':');
         if (!v[0].empty() && (colon == std::string::npos || colon == 0)) {
           refuse(s, "an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464", v[0]);
         }
         if (!v[0].empty()) {
           whole(v[0].substr(colon + 1), s, 0, 65535);
         }
         c.metrics_listen = v[0];
       }},
      {"tls_cert", false, path_of(&Config::tls_cert)},
      {"tls_key", false, path_of(&Config::tls_key)},
      {"max_handlers",
       false,
       [](Config& c, const Values& v, Source s) {
         c.max_handlers = static_cast<std::size_t>(whole(v[0], s, 4, 4096));
       }},
      {"api_key", false, [](Config& c, const Values& v, Source) { c.api_key = v[0]; }},
  };
}

auto text_of(std::string Config::* field) {
  return [field](Config& c, const Values& v, Source) { c.*field = v[0]; };
}

// "": none
auto url_of(std::string Config::* field, const char* wanted) {
  return [field, wanted](Config& c, const Values& v, Source s) {
    if (!v[0].empty() && !v[0].starts_with("http://") && !v[0].starts_with("https://")) {
      const std::size_t at = v[0].rfind('@');  // what is before it may be a password
      refuse(s, wanted, at == std::string::npos ? v[0] : "***" + v[0].substr(at));
    }
    c.*field = v[0];
  };
}

auto switch_of(bool Config::* field) {
  return [field](Config& c, const Values& v, Source s) {
    c.*field = one_of(v[0], s, {"on", "off"}) == "on";
  };
}

// "DRAFT" or "MODEL=DRAFT"; a draft with a slash is a path.
DraftChoice draft_choice(const std::string& value, Source source) {
  const std::size_t equals = value.find('=');
  DraftChoice choice;
  if (equals != std::string::npos) {
    choice.model = value.substr(0, equals);
  }
  choice.draft = equals == std::string::npos ? value : value.substr(equals + 1);
  const bool has_path = choice.draft.find('/') != std::string::npos;
  if (choice.draft.empty() || equals == 0 || choice.model.find('/') != std::string::npos) {
    refuse(source, "NAME, a path, MODEL=NAME or MODEL=path", value);
  }
  if (has_path) {
    choice.draft = absolute_path(choice.draft, source).string();
  }
  return choice;
}

std::vector<Setting> engine_settings() {
  return {
      {"data_dir",
       false,
       [](Config& c, const Values& v, Source s) { c.data_dir = absolute_path(v[0], s); }},
      {"worker", false, path_of(&Config::worker_executable)},
      {"default_model", false, path_of(&Config::default_model)},
      {"ui_dir", false, path_of(&Config::ui_dir)},
      {"memory_fraction", false, real_of(&Config::memory_fraction, 0.05, 1.0)},
      {"memory_budget_bytes", false, bytes_of(&Config::memory_budget_bytes, 0)},
      {"kv_budget_bytes", false, bytes_of(&Config::kv_budget_bytes, 1U << 20U)},
      {"kv_bits",
       false,
       [](Config& c, const Values& v, Source s) {
         c.kv_bits = std::stoi(one_of(v[0], s, {"0", "4", "8"}));
       }},
      {"kv_window", false, count_of(&Config::kv_window, 0, 1U << 30U)},
      {"kv_sinks", false, count_of(&Config::kv_sinks, 0, model_config::kMostKvSinks)},
      {"activation_bits",
       false,
       [](Config& c, const Values& v, Source s) {
         c.activation_bits = std::stoi(one_of(v[0], s, {"32", "8"}));
       }},
      {"batch_invariant", false, switch_of(&Config::batch_invariant)},
      {"prefix_disk_bytes", false, bytes_of(&Config::prefix_disk_bytes, 0)},
      {"response_store_bytes", false, bytes_of(&Config::response_store_bytes, 0)},
      {"response_store_seconds", false, real_of(&Config::response_store_seconds, 1, 1e10)},
      {"max_running", false, count_of(&Config::max_running, 1, 256)},
      {"speculative_tokens", false, count_of(&Config::speculative_tokens, 0, 64)},
      {"draft_model",
       true,
       [](Config& c, const Values& v, Source s) {
         c.draft_models.clear();
         for (const std::string& value : v) {
           c.draft_models.push_back(draft_choice(value, s));
         }
       }},
      {"max_waiting", false, count_of(&Config::max_waiting, 1, 100'000)},
      {"threads", false, count_of(&Config::threads, 0, 512)},
      {"load_timeout_seconds", false, real_of(&Config::load_timeout_seconds, 1, 86400)},
      {"drain_timeout_seconds", false, real_of(&Config::drain_timeout_seconds, 0, 86400)},
      {"hf_endpoint", false, text_of(&Config::hf_endpoint)},
      {"hf_token", false, text_of(&Config::hf_token)},
      {"hf_cache", false, path_of(&Config::hf_cache)},
      {"queue_limit", false, count_of(&Config::queue_limit, 1, 1'000'000)},
      {"device_jobs", false, count_of(&Config::device_jobs, 1, 16)},
      {"hostfile", false, path_of(&Config::hostfile)},
      {"ssh", false, text_of(&Config::ssh)},
      {"job_max_attempts", false, count_of(&Config::job_max_attempts, 1, 100)},
      {"job_retry_seconds", false, real_of(&Config::job_retry_seconds, 0, 86400)},
      {"job_stall_seconds", false, real_of(&Config::job_stall_seconds, 1, 86400)},
      {"engine_stall_seconds", false, real_of(&Config::engine_stall_seconds, 1, 86400)},
      {"engine_slow_step_seconds", false, real_of(&Config::engine_slow_step_seconds, 0, 86400)},
      {"idle_unload_seconds", false, real_of(&Config::idle_unload_seconds, 0, 1e9)},
      {"job_patience_seconds", false, real_of(&Config::job_patience_seconds, 0, 86400)},
      {"temperature_limit_celsius", false, real_of(&Config::temperature_limit_celsius, 0, 150)},
      {"temperature_resume_celsius", false, real_of(&Config::temperature_resume_celsius, 0, 150)},
      {"temperature_sensor", false, path_of(&Config::temperature_sensor)},
      {"telemetry", false, switch_of(&Config::telemetry)},
      {"otlp_endpoint",
       false,
       url_of(
           &Config::otlp_endpoint,
           "the URL of an OTLP/HTTP receiver, such as http://localhost:4318")},
      {"otlp_sample_ratio", false, real_of(&Config::otlp_sample_ratio, 0, 1)},
      {"log_level",
       false,
       [](Config& c, const Values& v, Source s) {
         c.log_level = one_of(v[0], s, {"debug", "info", "warning", "error"});
       }},
      {"log_format",
       false,
       [](Config& c, const Values& v, Source s) {
         c.log_format = one_of(v[0], s, {"auto", "text", "pretty", "json"});
       }},
      {"log_file_bytes", false, bytes_of(&Config::log_file_bytes, 64U << 10U)},
  };
}

std::vector<Setting> mlflow_settings() {
  return {
      {"mlflow_uri",
       false,
       url_of(&Config::mlflow_uri, "the URL of an MLflow server, such as http://localhost:5000")},
      {"mlflow_username", false, text_of(&Config::mlflow_username)},
      {"mlflow_password", false, text_of(&Config::mlflow_password)},
      {"mlflow_token", false, text_of(&Config::mlflow_token)},
      {"mlflow_ca_file", false, path_of(&Config::mlflow_ca_file)},
      {"mlflow_insecure_tls", false, switch_of(&Config::mlflow_insecure_tls)},
      {"mlflow_experiment",
       false,
       [](Config& c, const Values& v, Source s) {
         if (v[0].empty()) {
           refuse(s, "a name", v[0]);
         }
         c.mlflow_experiment = v[0];
       }},
      {"mlflow_artifact_limit_bytes", false, bytes_of(&Config::mlflow_artifact_limit_bytes, 0)},
      {"mlflow_part_bytes", false, bytes_of(&Config::mlflow_part_bytes, 5U << 20U)},
  };
}

std::vector<Setting> settings() {
  std::vector<Setting> all = door_settings();
  for (auto more : {engine_settings(), mlflow_settings()}) {
    std::ranges::move(more, std::back_inserter(all));
  }
  return all;
}

std::string as_text(const toml::node& node, const std::string& source) {
  if (const auto text = node.value_exact<std::string>()) {
    return *text;
  }
  if (const auto integer = node.value_exact<std::int64_t>()) {
    return std::to_string(*integer);
  }
  if (const auto real = node.value_exact<double>()) {
    return fmt::format("{}", *real);
  }
  refuse(source, "a string or a number", "another TOML type");
}

ConfigValues read_toml(const fs::path& file) {
  ConfigValues values;
  try {
    const toml::table table = toml::parse_file(file.string());
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string source = fmt::format("{} in {}", name, file.string());
      if (const toml::array* array = node.as_array()) {
        for (const auto& item : *array) {
          values[name].push_back(as_text(item, source));
        }
      } else {
        values[name].push_back(as_text(node, source));
      }
    }
  } catch (const toml::parse_error& error) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "{}: line {}: {}", file.string(), error.source().begin.line, error.description()));
  }
  return values;
}

void apply(Config& config, const ConfigValues& values, const std::string& where) {
  const auto known = settings();
  for (const auto& [name, given] : values) {
    const auto setting =
        std::find_if(known.begin(), known.end(), [&](const Setting& s) { return s.name == name; });
    const std::string source = fmt::format("{} ({})", name, where);
    if (setting == known.end()) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is not a setting", source), name);
    }
    if (given.empty() || (!setting->list && given.size() != 1)) {
      refuse(source, "one value", fmt::format("{} values", given.size()));
    }
    setting->apply(config, given, source);
  }
}

ConfigValues read_environment(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  ConfigValues values;
  for (const Setting& setting : settings()) {
    std::string name = "MLX_HUB_" + setting.name;
    std::transform(
        name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    if (const auto value = environment(name); value && !value->empty()) {
      std::istringstream items(*value);
      std::string item;
      while (setting.list && std::getline(items, item, ',')) {
        values[setting.name].push_back(item);
      }
      if (!setting.list) {
        values[setting.name] = {*value};
      }
    }
  }
  return values;
}

}  // namespace

std::string configured_api_key(const fs::path& data_folder) {
  const fs::path file = data_folder / "config.toml";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) {
    return {};
  }
  const ConfigValues values = read_toml(file);
  const auto found = values.find("api_key");
  return found == values.end() || found->second.empty() ? "" : found->second.front();
}

bool Config::beyond_loopback() const {
  return !std::all_of(hosts.begin(), hosts.end(), is_loopback);
}

bool is_loopback(const std::string& host) {
  return host == "::1" || host == "localhost" || host.rfind("127.", 0) == 0;
}

Config load_config(
    const std::optional<fs::path>& file,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const ConfigValues& flags) {
  Config config;
  config.data_dir = default_data_folder();
  config.default_model = default_model_folder();
  const ConfigValues from_environment = read_environment(environment);

  // The data folder decides where the default file lies, so it is looked up first.
  std::optional<fs::path> chosen = file;
  if (!chosen) {
    Config probe = config;
    apply(probe, from_environment, "environment");
    apply(probe, flags, "command line");
    if (fs::exists(probe.data_dir / "config.toml")) {
      chosen = probe.data_dir / "config.toml";
    }
  } else if (!fs::is_regular_file(*chosen)) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("the configuration file {} does not exist", chosen->string()));
  }
  if (chosen) {
    apply(config, read_toml(*chosen), chosen->string());
    config.settings_file = fs::absolute(*chosen);
  }
  apply(config, from_environment, "environment");
  apply(config, flags, "command line");
  model_config::check_kv_window(config.kv_window, config.kv_sinks);
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "tls_cert and tls_key go together: a certificate and its private key",
        config.tls_cert.empty() ? "tls_cert" : "tls_key");
  }
  return config;
}

}  // namespace hub::hub
