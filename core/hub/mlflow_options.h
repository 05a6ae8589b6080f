#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/hub/config.h"
#include "core/mlflow/client.h"

namespace hub::hub {

// One object was told, or it was tried.
struct MlflowTold {
  std::string object;         // "job:<id>", "model:<id>"
  std::int64_t start_ns = 0;  // Unix time
  std::int64_t end_ns = 0;
  std::string error{};  // "" when it went well
};

struct MlflowOptions {
  mlflow::Settings server;
  std::string experiment = "mlx-hub";
  // Larger files of a version stay here; MLflow gets their names, sizes and SHA-256.
  std::uint64_t artifact_limit_bytes = 256ULL << 20U;
  std::function<void(const MlflowTold&)> on_told{};  // for traces; must not block
};

// `mlflow_uri` and its kin, else the variables of MLflow's own clients: MLFLOW_TRACKING_URI,
// …_USERNAME, …_PASSWORD, …_TOKEN, …_SERVER_CERT_PATH, …_INSECURE_TLS. nullopt where there is no
// server. Throws kInvalidArgument for a URI that is no http(s) one or holds credentials, for a file
// of certificates that cannot be read, and for one that would not be looked at. Messages never name
// a secret.
std::optional<MlflowOptions> mlflow_options(
    const Config& config,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

}  // namespace hub::hub
