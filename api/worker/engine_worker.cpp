#include "api/worker/engine_worker.h"

#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "api/server/server.h"
#include "api/worker/blas_info.h"
#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "api/worker/dialect_routes.h"
#include "api/worker/embedding_handler.h"
#include "api/worker/memory_reporter.h"
#include "api/worker/responses_handler.h"
#include "api/worker/served_model.h"
#include "api/worker/stop_ids.h"
#include "core/base/engine_events.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/worker_protocol.h"
#include "core/kernels/cpu_level.h"
#include "core/obs/log.h"
#include "core/tensor/ops.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using std::chrono::milliseconds;

constexpr milliseconds kReportInterval{1000};
constexpr int kDrainStepMs = 100;
constexpr milliseconds kFlushTimeout{5000};  // for answers that are whole but not yet sent

engine::EngineConfig engine_config(const EngineArguments& arguments) {
  engine::EngineConfig config;
  config.model_folder = arguments.model_folder;
  config.weights_folder = arguments.weights_folder;
  config.kv_budget_bytes = arguments.kv_budget_bytes.value_or(config.kv_budget_bytes);
  config.kv_bits = arguments.kv_bits;
  config.kv_window = arguments.kv_window;
  config.kv_sinks = arguments.kv_sinks;
  config.activation_bits = arguments.activation_bits;
  config.batch_invariant = arguments.batch_invariant;
  config.max_running = arguments.max_running.value_or(config.max_running);
  config.speculative_tokens = arguments.speculative_tokens.value_or(config.speculative_tokens);
  config.draft_folder = arguments.draft_folder;
  config.slow_step_seconds = arguments.slow_step_seconds.value_or(config.slow_step_seconds);
  config.max_waiting = arguments.max_waiting.value_or(config.max_waiting);
  if (arguments.prefix_disk_bytes > 0 && !arguments.prefix_folder.empty() &&
      !arguments.model_digest.empty()) {
    config.prefix_disk.emplace();
    config.prefix_disk->root = arguments.prefix_folder;
    config.prefix_disk->model_digest = arguments.model_digest;
    config.prefix_disk->budget_bytes = arguments.prefix_disk_bytes;
    config.prefix_disk->computed_by = fmt::format(
        "mlx-hub {}, mlx {}, {}, {}, kv_bits {}, kv_window {} {}{}{}",
        arguments.build,
        tensor::mlx_version(),
        tensor::device_name(),
        kernels::to_string(kernels::cpu_level()),
        arguments.kv_bits,
        arguments.kv_window,
        arguments.kv_window > 0 ? arguments.kv_sinks : 0,
        arguments.activation_bits == 32
            ? ""
            : fmt::format(", activation_bits {}", arguments.activation_bits),
        arguments.batch_invariant ? ", batch invariant" : "");
  }
  return config;
}

void emit_usage(const base::EngineUsage& usage) {
  base::emit_event("usage", base::event_fields(usage));
  const std::string_view trace = usage.traceparent;  // 00-<trace>-<span>-<flags>
  obs::log::info(
      "generation",
      {{"request_id", usage.request_id},
       {"trace_id", obs::log::if_any(trace.size() > 35 ? trace.substr(3, 32) : "")},
       {"prompt_tokens", usage.prompt_tokens},
       {"completion_tokens", usage.completion_tokens},
       {"ttft_seconds", usage.ttft_seconds},
       {"seconds", usage.seconds},
       {"finish_reason", usage.finish_reason}});
}

void emit_work(const engine::EngineStats& stats) {
  const auto count = [](auto number) { return static_cast<std::int64_t>(number); };
  const base::EngineWork work{
      .steps = count(stats.steps),
      .slow_steps = count(stats.slow_steps),
      .step_seconds = stats.step_seconds,
      .step_sequences = count(stats.step_sequences),
      .preemptions = count(stats.preemptions),
      .prompt_tokens = count(stats.prompt_tokens),
      .cached_prompt_tokens = count(stats.cached_prompt_tokens),
      .generated_tokens = count(stats.generated_tokens),
      .grammar_drafted_tokens = count(stats.drafts.grammar.drafted),
      .grammar_accepted_tokens = count(stats.drafts.grammar.accepted),
      .text_drafted_tokens = count(stats.drafts.text.drafted),
      .text_accepted_tokens = count(stats.drafts.text.accepted),
      .model_drafted_tokens = count(stats.drafts.model.drafted),
      .model_accepted_tokens = count(stats.drafts.model.accepted),
      .mtp_drafted_tokens = count(stats.drafts.mtp.drafted),
      .mtp_accepted_tokens = count(stats.drafts.mtp.accepted),
      .refused = count(stats.refused),
      .refused_for_key = count(stats.refused_for_key),
      .embedded_tokens = count(stats.embedded_tokens),
      .running = stats.running,
      .waiting = stats.waiting,
      .waiting_keys = count(stats.waiting_keys),
      .kv_bytes = count(stats.kv_bytes),
      .prefix_bytes = count(stats.prefix_bytes),
      .prefix_disk_bytes = count(stats.prefix_disk.bytes),
      .prefix_disk_saves = count(stats.prefix_disk.saves),
      .prefix_disk_skipped = count(stats.prefix_disk.skipped),
      .prefix_disk_loads = count(stats.prefix_disk.loads),
      .prefix_disk_tokens = count(stats.prefix_disk.loaded_tokens),
      .kv_limit_bytes = count(stats.kv_limit_bytes),
      .kv_bits = stats.kv_bits,
      .kv_window = stats.kv_window,
      .adapters = count(stats.adapters.size())};
  base::emit_event("work", base::event_fields(work));
}

Json stats_json(const engine::EngineStats& stats) {
  return {
      {"running", stats.running},
      {"waiting", stats.waiting},
      {"waiting_keys", stats.waiting_keys},
      {"refused", stats.refused},
      {"refused_for_key", stats.refused_for_key},
      {"prompt_tokens", stats.prompt_tokens},
      {"cached_prompt_tokens", stats.cached_prompt_tokens},
      {"generated_tokens", stats.generated_tokens},
      {"drafted_tokens", stats.drafts.drafted()},
      {"accepted_tokens", stats.drafts.accepted()},
      {"model_drafted_tokens", stats.drafts.model.drafted},
      {"model_accepted_tokens", stats.drafts.model.accepted},
      {"mtp_drafted_tokens", stats.drafts.mtp.drafted},
      {"mtp_accepted_tokens", stats.drafts.mtp.accepted},
      {"embedded_tokens", stats.embedded_tokens},
      {"steps", stats.steps},
      {"slow_steps", stats.slow_steps},
      {"step_seconds", stats.step_seconds},
      {"step_sequences", stats.step_sequences},
      {"preemptions", stats.preemptions},
      {"kv_bytes", stats.kv_bytes},
      {"prefix_bytes", stats.prefix_bytes},
      {"prefix_entries", stats.prefix_entries},
      {"prefix_disk_bytes", stats.prefix_disk.bytes},
      {"prefix_disk_files", stats.prefix_disk.files},
      {"prefix_disk_saves", stats.prefix_disk.saves},
      {"prefix_disk_skipped", stats.prefix_disk.skipped},
      {"prefix_disk_loads", stats.prefix_disk.loads},
      {"prefix_disk_tokens", stats.prefix_disk.loaded_tokens},
      {"kv_limit_bytes", stats.kv_limit_bytes},
      {"kv_bits", stats.kv_bits},
      {"kv_window", stats.kv_window},
      {"weight_bytes", stats.weight_bytes},
      {"active_bytes", stats.active_bytes},
      {"cache_bytes", stats.cache_bytes},
      {"peak_bytes", stats.peak_bytes},
      {"adapters", stats.adapters}};
}

Router routes(const ServedModel& model) {
  const auto chat = [&model](const Request& request) { return handle_chat(model, request); };
  const auto text = [&model](const Request& request) { return handle_completion(model, request); };
  const auto embeddings = [&model](const Request& request) {
    return handle_embeddings(model, request);
  };
  const auto responses = [&model](const Request& request) {
    return handle_responses(model, request);
  };
  const auto stats = [&model](const Request&) {
    return json_response(200, stats_json(model.engine.stats()).dump());
  };
  std::vector<Route> all = dialect_routes(model);
  const std::vector<Route> own{
      {.method = "POST", .pattern = "/v1/chat/completions", .handler = chat},
      {.method = "POST", .pattern = "/chat/completions", .handler = chat},
      {.method = "POST", .pattern = "/v1/completions", .handler = text},
      {.method = "POST", .pattern = "/completions", .handler = text},
      {.method = "POST", .pattern = "/v1/embeddings", .handler = embeddings},
      {.method = "POST", .pattern = "/embeddings", .handler = embeddings},
      {.method = "POST", .pattern = "/v1/responses", .handler = responses},
      {.method = "GET", .pattern = "/stats", .handler = stats},
  };
  all.insert(all.end(), own.begin(), own.end());
  return Router(std::move(all));
}

Server::Options server_options(const EngineArguments& arguments) {
  Server::Options options;
  options.socket_path = arguments.socket;
  options.access_log = false;             // the server that faces clients logs them
  options.body_limit_bytes = 64U << 20U;  // that server's own limit is the one that counts
  options.max_handlers = 512;             // one for each request that runs or waits in the engine
  return options;
}

// Reads and obeys commands until one of them ends the worker, or standard input closes.
class Commands {
 public:
  explicit Commands(engine::Engine& engine) : engine_(engine) {}

  void run() {
    base::read_commands([this](const Json& command) { obey(command); });
  }

 private:
  void obey(const Json& command) {
    const base::JsonReader reader(command);
    const std::string type = reader.string("type");
    if (type == "attach") {
      attach(reader);
    } else if (type == "detach") {
      const std::string id = reader.string("id");
      engine_.detach(id);
      base::emit_event("detached", {{"id", id}});
    } else if (type == "drain") {
      drain(reader.optional_number("timeout_seconds", 0.0, 86400.0).value_or(30.0));
      end();
    } else if (type == "log_level") {
      obs::log::set_level(obs::log::level_from(reader.string("level")));
    } else if (type == "stop") {
      end();
    } else {
      throw Error(
          ErrorCode::kInvalidArgument,
          "command: attach, detach, drain, log_level or stop was wanted, got \"" + type + "\"");
    }
  }

  void attach(const base::JsonReader& command) {
    const std::string id = command.string("id");
    const std::string folder = command.string("folder");
    const std::string digest = command.optional_string("digest").value_or("");
    try {
      engine_.attach(id, folder, digest);
      base::emit_event("attached", {{"id", id}});
      obs::log::info("adapter_attached", {{"id", id}});
    } catch (const std::exception& error) {  // the answer goes to whoever asked
      const auto* ours = dynamic_cast<const Error*>(&error);
      const ErrorCode code = ours != nullptr ? ours->code() : ErrorCode::kInternal;
      base::emit_event(
          "attached",
          {{"id", id}, {"error", {{"code", to_string(code)}, {"message", error.what()}}}});
    }
  }

  // Waits for the running requests, at most until something arrives on standard input.
  void drain(double seconds) {
    for (double waited = 0.0; waited < seconds; waited += kDrainStepMs / 1000.0) {
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (engine_.drain(kDrainStepMs) || ::poll(&input, 1, 0) > 0) {
        return;
      }
    }
  }

  // read_commands() returns after the line at hand.
  static void end() { std::cin.setstate(std::ios_base::eofbit); }

  engine::Engine& engine_;
};

void serve(const EngineArguments& arguments) {
  engine::Engine engine(engine_config(arguments));
  const auto tokenizer = text::Tokenizer::load(arguments.model_folder);
  const std::vector<int> ends = stop_ids(engine.model_config(), *tokenizer, arguments.model_folder);
  const auto chat_template = text::ChatTemplate::load(arguments.model_folder);
  const ServedModel model{
      .name = arguments.name,
      .engine = engine,
      .tokenizer = tokenizer,
      .chat_template = chat_template,
      .style = chat_template ? chat::style_of(*chat_template) : chat::ChatStyle{},
      .stop_ids = ends,
      .grammars =
          std::make_shared<const Grammars>(tokenizer, engine.model_config().vocab_size, ends),
      .on_usage = emit_usage,
      .running = std::make_shared<RunningRequests>(
          arguments.max_running.value_or(engine::EngineConfig{}.max_running))};
  Server server(server_options(arguments), routes(model));
  server.start();
  // Tells an engine that works from one that hangs, too: the server ends the latter.
  const MemoryReporter reporter(kReportInterval, [&engine] {
    engine.watch_step();
    emit_work(engine.stats());
  });
  const std::uint64_t weight_bytes = engine.stats().weight_bytes;
  base::emit_event(
      "ready",
      {{"socket", arguments.socket.string()}, {"weight_bytes", weight_bytes}, {"pid", ::getpid()}});
  obs::log::info("engine_ready", {{"model", arguments.name}, {"weight_bytes", weight_bytes}});
  Commands(engine).run();
  server.stop(engine.drain(0) ? kFlushTimeout : milliseconds(0));
}

// On Linux every model would be about 50 times slower in silence.
void warn_about_slow_blas() {
#ifdef __linux__
  const BlasInfo blas = blas_info();
  if (!blas.is_openblas) {
    const std::string message = "OpenBLAS is not in use; matrix products come from \"" +
                                blas.library + "\" and will be slow";
    base::emit_event("log", {{"level", "warning"}, {"message", message}});
    obs::log::warning("slow_blas", {{"library", blas.library}});
  }
#endif
}

void emit_error(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  base::emit_event(
      "error",
      {{"code", to_string(ours != nullptr ? ours->code() : ErrorCode::kInternal)},
       {"message", error.what()},
       {"param", ours != nullptr ? ours->param() : ""},
       {"reason", ours != nullptr ? ours->reason() : ""}});
}

}  // namespace

int run_engine(const EngineArguments& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  // Ctrl-C reaches the whole foreground group: the server ends its workers in order.
  std::signal(SIGINT, SIG_IGN);
  try {
    warn_about_slow_blas();
    serve(arguments);
    return 0;
  } catch (const std::exception& error) {
    emit_error(error);
    return 1;
  }
}

}  // namespace hub::api
