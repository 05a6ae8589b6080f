#include "core/hub/mlflow_options.h"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "core/base/error.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

[[noreturn]] void refuse(const std::string& message, const std::string& setting) {
  throw Error(ErrorCode::kInvalidArgument, message, setting);
}

// As MLflow reads it.
bool is_true(std::string word) {
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (word.empty() || word == "false" || word == "0") {
    return false;
  }
  if (word != "true" && word != "1") {
    refuse(
        "MLFLOW_TRACKING_INSECURE_TLS must be true or false, got '" + word + "'",
        "mlflow_insecure_tls");
  }
  return true;
}

void check_uri(const std::string& uri) {
  const std::size_t scheme = uri.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  if (uri.substr(host, uri.find('/', host) - host).find('@') != std::string::npos) {
    refuse(
        "the URL of the MLflow server must hold no name and password: it is shown. Give "
        "mlflow_username and mlflow_password, or MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD",
        "mlflow_uri");
  }
  if (!uri.starts_with("http://") && !uri.starts_with("https://")) {
    refuse(
        "MLFLOW_TRACKING_URI must be the URL of a server, such as http://localhost:5000, got '" +
            uri + "'",
        "mlflow_uri");
  }
}

void check_trust(const mlflow::Settings& server) {
  if (server.ca_file.empty()) {
    return;
  }
  if (!server.verify_tls) {
    refuse(
        "mlflow_ca_file and mlflow_insecure_tls exclude each other: certificates are looked at or "
        "they are not",
        "mlflow_ca_file");
  }
  if (!std::ifstream(server.ca_file).good()) {
    refuse(
        "mlflow_ca_file must be a file of certificates, cannot read " + server.ca_file.string(),
        "mlflow_ca_file");
  }
}

}  // namespace

std::optional<MlflowOptions> mlflow_options(
    const Config& config,
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  const auto first_set = [&](const std::string& setting, const char* variable) {
    return setting.empty() ? environment(variable).value_or("") : setting;
  };
  MlflowOptions options;
  mlflow::Settings& server = options.server;
  server.uri = first_set(config.mlflow_uri, "MLFLOW_TRACKING_URI");
  while (server.uri.ends_with('/')) {
    server.uri.pop_back();
  }
  if (server.uri.empty()) {
    return std::nullopt;
  }
  check_uri(server.uri);
  server.username = first_set(config.mlflow_username, "MLFLOW_TRACKING_USERNAME");
  server.password = first_set(config.mlflow_password, "MLFLOW_TRACKING_PASSWORD");
  server.token = first_set(config.mlflow_token, "MLFLOW_TRACKING_TOKEN");
  server.ca_file = first_set(config.mlflow_ca_file, "MLFLOW_TRACKING_SERVER_CERT_PATH");
  server.verify_tls = !config.mlflow_insecure_tls &&
                      !is_true(environment("MLFLOW_TRACKING_INSECURE_TLS").value_or(""));
  server.part_bytes = config.mlflow_part_bytes;
  check_trust(server);
  options.experiment = config.mlflow_experiment;
  options.artifact_limit_bytes = config.mlflow_artifact_limit_bytes;
  return options;
}

}  // namespace hub::hub
