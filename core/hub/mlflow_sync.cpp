#include "core/hub/mlflow_sync.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/hub/mlflow_models.h"
#include "core/hub/mlflow_runs.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

constexpr int kPage = 500;
constexpr std::int64_t kLongestWaitMs = 1000;
// An unreachable server is asked again after so long, doubling; an object that it refused likewise.
constexpr std::int64_t kFirstServerWaitMs = 500;
constexpr std::int64_t kLongestServerWaitMs = 30'000;
constexpr std::int64_t kFirstObjectWaitMs = 10'000;
constexpr std::int64_t kLongestObjectWaitMs = 3'600'000;

std::int64_t backoff(std::int64_t first, int failures, std::int64_t longest) {
  return std::min(longest, first << std::min(failures, 20));
}

void take_all_events(jobs::MlflowOutbox& outbox, const std::atomic<bool>& stopping) {
  while (!stopping && outbox.take_events(kPage) == kPage) {
  }
}

// Once the server has taken the credentials, what they do not suffice for is one object's affair.
bool is_server_failure(const Error& error, bool connected) {
  return error.code() == ErrorCode::kUnavailable ||
         (error.code() == ErrorCode::kPermissionDenied &&
          !(connected && error.reason() == "mlflow_forbidden"));
}

}  // namespace

// What is kept between calls: the connection, and the experiment's id.
struct MlflowSync::Session {
  mlflow::Client client;
  MlflowRuns runs;
  MlflowModels models;
  bool failed = false;  // what it knows of the server may be wrong

  Session(
      const MlflowSources& sources,
      const MlflowOptions& options,
      jobs::MlflowOutbox& outbox,
      const std::atomic<bool>& stopping)
      : client(options.server, &stopping),
        runs(sources, client, outbox, options.experiment),
        models(sources, client, outbox, runs, options.artifact_limit_bytes) {}

  void send(const std::string& object) {
    const std::string id = object.substr(object.find(':') + 1);
    if (object.starts_with("job:")) {
      static_cast<void>(runs.send(id));
      models.send_figures(id);
    } else {
      models.send(id);
    }
  }
};

MlflowSync::MlflowSync(
    db::Pool& pool,
    jobs::EventLog& events,
    const base::Clock& clock,
    const MlflowSources& sources,
    std::optional<MlflowOptions> options)
    : events_(events),
      clock_(clock),
      sources_(sources),
      options_(std::move(options)),
      outbox_(pool) {
  if (options_) {
    status_.state = State::kStarting;
    status_.uri = options_->server.uri;
    status_.verified = options_->server.verify_tls;
  }
}

MlflowSync::~MlflowSync() {
  stop();
}

void MlflowSync::start() {
  if (options_) {
    if (!options_->server.verify_tls) {
      obs::log::warning(
          "mlflow_not_verified",
          {{"uri", options_->server.uri},
           {"hint",
            "anybody may answer in its place and read the credentials; name its certificate "
            "authority by mlflow_ca_file instead of mlflow_insecure_tls"}});
    }
    outbox_.begin(options_->server.uri);
    thread_ = std::thread([this] { work(); });
  }
}

void MlflowSync::stop() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

MlflowSync::Status MlflowSync::status() {
  Status status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
  }
  if (options_) {
    take_all_events(outbox_, stopping_);
    status.outbox = outbox_.counts();
  }
  return status;
}

MlflowSync::ObjectState MlflowSync::model_state(const std::string& model_id) {
  ObjectState state;
  const std::string object = "model:" + model_id;
  const auto entry = outbox_.find(object);
  state.waiting = entry.has_value();
  state.error = entry ? entry->error : "";
  const base::Json link = outbox_.link(object);
  if (link.is_object()) {
    state.link = options_->server.uri + "/#/models/" + link.value("name", "");
  }
  return state;
}

void MlflowSync::retry() {
  outbox_.retry();
  {
    const std::lock_guard lock(mutex_);
    retry_at_ms_ = 0;
  }
  wake_.notify_all();
}

void MlflowSync::work() {
  std::optional<Session> session;
  while (!stopping_) {
    const std::uint64_t seen = events_.commits();
    std::optional<std::int64_t> wait_ms = kLongestWaitMs;
    try {
      take_all_events(outbox_, stopping_);
      if (!session || session->failed) {
        session.emplace(sources_, *options_, outbox_, stopping_);
      }
      wait_ms = turn(*session);
    } catch (const std::exception& error) {  // a locked database: look again
      obs::log::warning("mlflow_outbox_failed", {{"error", error.what()}});
    }
    if (wait_ms) {
      wait(seen, *wait_ms);
    }
  }
}

std::optional<std::int64_t> MlflowSync::turn(Session& session) {
  const std::int64_t now = clock_.now_ms();
  {
    const std::lock_guard lock(mutex_);
    if (now < retry_at_ms_) {
      return retry_at_ms_ - now;
    }
  }
  const auto entry = outbox_.next(now);
  if (!entry) {
    const auto due = outbox_.next_due();
    return due ? std::max<std::int64_t>(*due - now, 1) : kLongestWaitMs;
  }
  bool connected = false;
  try {
    connect(session);
    connected = true;
    send(session, entry->object);
    outbox_.sent(*entry);
    const std::lock_guard lock(mutex_);
    status_.last_sent_ms = clock_.now_ms();
    ++status_.delivered;
    failures_ = 0;
  } catch (const Error& error) {
    session.failed = true;
    if (error.code() == ErrorCode::kCancelled) {
      return kLongestWaitMs;
    }
    const bool server_failed = is_server_failure(error, connected);
    if (server_failed) {
      unreachable(error.what());
    }
    // A server that fails may do so because of this one: others get their turn.
    if (!server_failed || error.reason() == "mlflow_unavailable") {
      refused(*entry, error.what());
    }
  } catch (const std::exception& error) {  // an answer of another shape than expected
    session.failed = true;
    refused(*entry, error.what());
  }
  return std::nullopt;
}

void MlflowSync::send(Session& session, const std::string& object) {
  MlflowTold told{.object = object, .start_ns = base::unix_ns()};
  const auto tell = [&](const char* error) {
    told.end_ns = base::unix_ns();
    told.error = error;
    if (options_->on_told) {
      options_->on_told(told);
    }
  };
  try {
    session.send(object);
  } catch (const std::exception& error) {
    tell(error.what());
    throw;
  }
  tell("");
}

void MlflowSync::refused(const jobs::MlflowOutbox::Entry& entry, const std::string& error) {
  obs::log::warning("mlflow_refused", {{"object", entry.object}, {"error", error}});
  outbox_.refused(
      entry,
      error,
      clock_.now_ms() + backoff(kFirstObjectWaitMs, 2 * entry.attempts, kLongestObjectWaitMs));
}

void MlflowSync::connect(Session& session) {
  {
    const std::lock_guard lock(mutex_);
    if (status_.state == State::kConnected) {
      return;
    }
  }
  const std::string version = session.client.server_version();
  session.runs.experiment();  // whether it takes the credentials: its version it may tell anybody
  const std::lock_guard lock(mutex_);
  obs::log::info("mlflow_connected", {{"uri", status_.uri}, {"version", version}});
  status_.server_version = version;
  status_.state = State::kConnected;
  status_.error.clear();
}

void MlflowSync::unreachable(const std::string& error) {
  const std::lock_guard lock(mutex_);
  if (status_.state != State::kUnreachable) {
    obs::log::warning("mlflow_unreachable", {{"uri", status_.uri}, {"error", error}});
  }
  status_.state = State::kUnreachable;
  status_.error = error;
  retry_at_ms_ = clock_.now_ms() + backoff(kFirstServerWaitMs, failures_, kLongestServerWaitMs);
  ++failures_;
}

void MlflowSync::wait(std::uint64_t seen, std::int64_t longest_ms) {
  const std::chrono::milliseconds longest(std::min(longest_ms, kLongestWaitMs));
  if (!events_.closed()) {
    events_.wait(seen, longest);
    return;
  }
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, longest, [this] { return stopping_.load(); });
}

std::string_view to_string(MlflowSync::State state) {
  switch (state) {
    case MlflowSync::State::kOff:
      return "off";
    case MlflowSync::State::kStarting:
      return "starting";
    case MlflowSync::State::kConnected:
      return "connected";
    case MlflowSync::State::kUnreachable:
      return "unreachable";
  }
  return "off";
}

}  // namespace hub::hub
