#include "api/serve.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "api/handlers/authorization.h"
#include "api/handlers/dialect_errors.h"
#include "api/handlers/metrics.h"
#include "api/handlers/request_spans.h"
#include "api/routes.h"
#include "api/server/guard.h"
#include "api/server/router.h"
#include "api/server/server.h"
#include "core/base/build_info.h"
#include "core/base/error.h"
#include "core/hub/hub.h"
#include "core/hub/log_files.h"
#include "core/hub/process_info.h"
#include "core/obs/log.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hub::api {
namespace {

// SIGINT and SIGTERM are blocked in every thread and taken here; the others stay as they are.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    // A client or a worker that is gone is an error of write(), not the end of this process.
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, nullptr);
  }
  [[nodiscard]] int wait() const {
    int number = 0;
    sigwait(&set_, &number);
    return number;
  }

 private:
  sigset_t set_{};
};

// Others can reach it: somebody must be able to get in, and nobody else.
void refuse_open_doors(const hub::Hub& hub) {
  if (!hub.config.beyond_loopback()) {
    return;
  }
  if (!hub.keys.has_live_admin()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "refusing to listen on {}: beyond loopback every call needs an API key, and there is "
            "none with scope admin yet. Make one with\n  mlx-hub keys create --name admin --scope "
            "admin --data-dir {}",
            fmt::join(hub.config.hosts, ", "),
            hub.config.data_dir.string()),
        "host",
        "no_admin_key");
  }
  obs::log::warning(
      "keys_travel_in_the_open",
      {{"advice", "put a proxy with TLS in front, or use a network that you trust"}});
}

// What clients on this machine call: no address that only means "all of them".
std::string local_url(std::string url) {
  for (const auto& [any, local] :
       {std::pair<std::string_view, std::string_view>{"://0.0.0.0:", "://127.0.0.1:"},
        {"://[::]:", "://[::1]:"}}) {
    if (const std::size_t at = url.find(any); at != std::string::npos) {
      url.replace(at, any.size(), local);
    }
  }
  return url;
}

Server::Options server_options(
    const hub::Config& config,
    const Guard& guard,
    const Authorization& keys,
    HttpMetrics& metrics,
    const hub::Hub& hub) {
  Server::Options options;
  for (const std::string& host : config.hosts) {
    // Where a machine has no IPv6 the other loopback address serves.
    const bool optional = config.hosts.size() > 1 && host == "::1";
    options.addresses.push_back(
        {host == "localhost" ? "127.0.0.1" : host,
         static_cast<std::uint16_t>(config.port),
         optional});
  }
  hub::RequestTraces& traces = hub.traces.requests();
  options.admit = [&guard, &traces](Request& request) {
    request.answer_headers = guard.cors_headers(request);
    begin_trace(traces, request);
    guard.check(request);
  };
  options.shape_error = shape_error;
  options.authorize = [&keys](Request& request, const Route& route) { keys.check(request, route); };
  if (config.telemetry) {
    options.on_finish = [&metrics, &traces](const Access& access) {
      metrics.finished(access);
      finish_trace(traces, access);
    };
  }
  options.allow_non_loopback = config.beyond_loopback();
  options.max_handlers = config.max_handlers;
  options.upload_folder = hub.uploads_folder();
  return options;
}

// Prometheus in a container cannot call as "localhost", and has no use for more than this route.
std::unique_ptr<Server> metrics_server(hub::Hub& hub) {
  const std::string& listen = hub.config.metrics_listen;
  if (listen.empty() || !hub.config.telemetry) {
    return nullptr;
  }
  const std::size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  Server::Options options;
  options.addresses.push_back(
      {host, static_cast<std::uint16_t>(std::stoi(listen.substr(colon + 1)))});
  options.allow_non_loopback = true;  // it was named, and there is nothing to change
  options.access_log = false;
  options.max_handlers = 4;
  auto server = std::make_unique<Server>(std::move(options), Router(metric_routes(hub.metrics)));
  server->start();
  obs::log::info("metrics_listening", {{"url", server->endpoints().front() + "/metrics"}});
  return server;
}

obs::log::Options log_options(const hub::Config& config) {
  using obs::log::Format;
  obs::log::Options options;
  options.level = obs::log::level_from(config.log_level);
  options.format = config.log_format == "json"     ? Format::kJson
                   : config.log_format == "pretty" ? Format::kPretty
                                                   : Format::kText;
  if (config.log_format == "auto" && ::isatty(STDERR_FILENO) != 0) {
    options.format = Format::kPretty;
  }
  options.colours = obs::log::wants_colours();
  options.process = hub::kServerProcess;
  options.file = config.data_dir / hub::kLogFolder / hub::kServerLog;
  options.file_bytes = config.log_file_bytes;
  return options;
}

// glibc gives threads heaps of their own, each of which grows to the most that its threads ever
// needed at once. Requests run on many threads and compute little: two heaps serve them as well,
// and the process reaches its size within minutes instead of hours.
void share_heaps() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 2);
#endif
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::filesystem::path default_worker_executable() {
  return hub::own_executable().parent_path() / "mlx-hub-worker";
}

int serve(hub::Config config) {
  share_heaps();
  obs::log::configure(log_options(config));
  const Signals signals;
  // The command line's key is none of the server's business, and its children inherit all it has.
  config.api_key.clear();
  ::unsetenv("MLX_HUB_API_KEY");
  hub::Hub hub(std::move(config), base::this_build());
  refuse_open_doors(hub);
  const Guard guard(
      {.allowed_hosts = hub.config.allowed_hosts,
       .any_address = hub.config.beyond_loopback(),
       .allowed_origins = hub.config.allowed_origins});
  const Authorization keys(hub.keys, hub.audit, hub.settings, hub.config.beyond_loopback());
  HttpMetrics http_metrics(hub.metrics);
  Server server(
      server_options(hub.config, guard, keys, http_metrics, hub), Router(all_routes(hub)));
  hub.metrics.on_scrape([&server](obs::MetricSnapshot& snapshot) {
    snapshot.gauge(
        "http_server_active_requests",
        "Requests that are being handled or answered",
        static_cast<double>(server.active_requests()));
  });
  server.start();
  const std::unique_ptr<Server> for_metrics = metrics_server(hub);
  hub.start();
  const std::string url = local_url(server.endpoints().front());
  hub.lock.publish(url);
  obs::log::info(
      "hub_listening",
      {{"url", url}, {"data_dir", hub.config.data_dir.string()}, {"version", HUB_VERSION}});

  const int number = signals.wait();
  obs::log::info("hub_stopping", {{"signal", number}});
  std::thread([&signals] {
    static_cast<void>(signals.wait());
    std::_Exit(130);  // asked twice: the workers end with their pipes
  }).detach();
  hub.events.close();
  server.stop(
      std::chrono::milliseconds(
          static_cast<std::int64_t>(hub.config.drain_timeout_seconds * 1000)));
  if (for_metrics) {
    for_metrics->stop(std::chrono::milliseconds(0));
  }
  hub.stop();
  obs::log::info("hub_stopped");
  return EXIT_SUCCESS;
}

}  // namespace hub::api
