#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/net/http_client.h"

namespace hub::mlflow {

struct Settings {
  std::string uri;         // "http://localhost:5000", without a slash at its end
  std::string username{};  // HTTP basic; "": none
  std::string password{};
  std::string token{};  // bearer; instead of the name
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};        // of a call
  std::chrono::milliseconds stall_timeout{60'000};  // of an upload, without a byte for so long
  std::filesystem::path ca_file{};                  // net::HttpRequest's
  bool verify_tls = true;
  // Larger files go in parts of so many bytes, or of more where there would be over 10,000, to the
  // store behind a server that offers it. S3 takes no parts below 5 MiB.
  std::uint64_t part_bytes = 64ULL << 20U;
};

using Tags = std::vector<std::pair<std::string, std::string>>;

struct Run {
  std::string id;
  std::string experiment_id;
  std::string artifact_uri;
};

struct LoggedModel {
  std::string id;  // "m-…"
  std::string artifact_uri;
};

struct Metric {
  std::string key;
  double value = 0.0;
  std::int64_t time_ms = 0;
  std::int64_t step = 0;
};

// What metrics are about, besides their run.
struct MetricSubject {
  std::string logged_model_id;
  std::string dataset_name{};  // "": none
  std::string dataset_digest{};
};

struct DatasetInput {
  std::string name;
  std::string digest;  // the first 36 characters are kept there
  std::string source_type;
  std::string source;   // JSON
  std::string context;  // "training", "evaluation"
};

// The calls of an MLflow 3 server that the hub makes (protos service.proto, model_registry.proto,
// mlflow_artifacts.proto). MLflow answers 200 to fields of a wrong type and stores defaults
// instead, so types are fixed here. Every call may be repeated: what is there already is no error.
// One thread.
//
// Throws base::Error: kUnavailable when the server cannot be reached or trusted
// ("mlflow_unreachable"), fails or asks to wait ("mlflow_unavailable"), kPermissionDenied for
// refused credentials ("mlflow_denied") and for what they do not suffice for ("mlflow_forbidden"),
// kNotFound for what is not there, kCancelled, and kUnprocessable
// ("mlflow_refused") for everything else that it refuses, in its words.
class Client {
 public:
  // Calls end with kCancelled soon after `cancelled` becomes true; null: never.
  explicit Client(Settings settings, const std::atomic<bool>* cancelled = nullptr);

  // "3.17.2"
  std::string server_version();

  // The id of the experiment with that name, which is made where it is missing.
  std::string experiment(const std::string& name);

  std::optional<Run> find_run(
      const std::string& experiment_id, const std::string& tag, const std::string& value);
  Run create_run(
      const std::string& experiment_id,
      const std::string& name,
      std::int64_t start_ms,
      const Tags& tags);
  // In as many calls as its limits ask for; values that are too long for it are cut. Points that
  // are there already (key, time, step, value) are not doubled by it.
  void log(
      const std::string& run_id,
      const std::vector<Metric>& metrics,
      const Tags& params,
      const Tags& tags,
      const std::optional<MetricSubject>& subject = {});
  void log_input(const std::string& run_id, const DatasetInput& dataset);
  void add_output(const std::string& run_id, const std::string& logged_model_id, std::int64_t step);
  // `status`: RUNNING, FINISHED, FAILED, KILLED.
  void update_run(
      const std::string& run_id, const std::string& status, std::optional<std::int64_t> end_ms);

  std::optional<LoggedModel> find_logged_model(
      const std::string& experiment_id, const std::string& tag, const std::string& value);
  LoggedModel create_logged_model(
      const std::string& experiment_id,
      const std::string& name,
      const std::string& type,
      const std::optional<std::string>& run_id,
      const Tags& params,
      const Tags& tags);
  void make_logged_model_ready(const std::string& id);

  void create_registered_model(
      const std::string& name, const std::string& description, const Tags& tags);
  void update_registered_model(const std::string& name, const std::string& description);
  void tag_registered_model(
      const std::string& name, const std::string& key, const std::string& value);
  // The number of the version with that tag.
  std::optional<std::string> find_version(
      const std::string& name, const std::string& tag, const std::string& value);
  // Its number.
  std::string create_version(
      const std::string& name,
      const std::string& logged_model_id,
      const std::optional<std::string>& run_id,
      const Tags& tags);
  void tag_version(
      const std::string& name,
      const std::string& number,
      const std::string& key,
      const std::string& value);
  void set_alias(const std::string& name, const std::string& alias, const std::string& number);
  void remove_alias(const std::string& name, const std::string& alias);

  // Whether the server takes artifacts itself ("mlflow-artifacts:…"); others are written by clients
  // that see its store.
  static bool takes_artifacts(const std::string& artifact_uri);
  // `path` below an artifact URI that the server takes. A file that is there is replaced; one that
  // failed in the middle is not there.
  void put_artifact(
      const std::string& artifact_uri, const std::string& path, const std::string& bytes);
  void put_artifact_file(
      const std::string& artifact_uri,
      const std::string& path,
      const std::filesystem::path& file,
      std::uint64_t bytes);

  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  [[nodiscard]] net::HttpRequest request(const std::string& method, const std::string& path) const;
  // The answer, whatever its status.
  net::HttpResponse exchange(const net::HttpRequest& request);
  net::HttpResponse send(const net::HttpRequest& request, const std::string& what);
  // Sends `body` (null: none) to /api/2.0/mlflow/<call>; the answer, an object.
  base::Json call(const std::string& method, const std::string& call, const base::Json& body);
  [[nodiscard]] net::HttpRequest artifact_request(
      const std::string& artifact_uri, const std::string& path) const;
  // Of mpu/create, mpu/complete, mpu/abort.
  [[nodiscard]] net::HttpRequest multipart_request(
      const std::string& step,
      const std::string& artifact_uri,
      const std::filesystem::path& path,
      base::Json body) const;
  // False: the server offers no such thing.
  bool put_in_parts(
      const std::string& artifact_uri,
      const std::string& path,
      const std::filesystem::path& file,
      std::uint64_t bytes);
  // Returns its ETag.
  std::string send_part(net::HttpRequest part, const std::string& what);
  void abort_parts(net::HttpRequest abort);

  const Settings settings_;
  const std::atomic<bool>* cancelled_;
  net::HttpClient http_;
  bool offers_parts_ = true;  // until it says otherwise
};

// What MLflow takes as the name of a registered model, and of a logged one, which may hold less:
// other characters become `_`.
std::string registered_name(std::string_view name);
std::string logged_name(std::string_view name);

}  // namespace hub::mlflow
