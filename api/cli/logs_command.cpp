#include "api/cli/logs_command.h"

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/net/sse_reader.h"
#include "core/obs/log_record.h"

namespace hub::api {
namespace {

using base::Json;

// A server that restarts comes back within this time.
constexpr int kMostFailures = 10;
constexpr auto kPause = std::chrono::seconds(1);

std::string query_of(const LogsOptions& options) {
  const std::array<std::pair<const char*, const std::string*>, 9> filters{
      {{"level", &options.level},
       {"event", &options.event},
       {"process", &options.process},
       {"request_id", &options.request},
       {"job_id", &options.job},
       {"trace_id", &options.trace},
       {"q", &options.text},
       {"since", &options.since},
       {"until", &options.until}}};
  std::string query = fmt::format("/logs?follow={}", options.follow);
  for (const auto& [name, value] : filters) {
    if (!value->empty()) {
      query += fmt::format("&{}={}", name, percent_encode(*value));
    }
  }
  return options.follow ? query : fmt::format("{}&limit={}", query, options.limit);
}

void print(Console& console, const std::string& record, bool json) {
  console.out << (json ? record : obs::log::readable(record, true)) << std::endl;
}

int follow(HubClient& client, Console& console, const LogsOptions& options) {
  net::SseReader reader;
  for (int failures = 0;; ++failures) {
    try {
      client.events(query_of(options), nullptr, reader, [&](const net::SseReader::Event& event) {
        failures = 0;
        print(console, event.data, options.json);
        return true;
      });
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kUnavailable || failures >= kMostFailures) {
        throw;
      }
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

int logs_command(HubClient& client, Console& console, const LogsOptions& options) {
  if (options.follow) {
    return follow(client, console, options);
  }
  const Json page = client.get(query_of(options));
  const Json& records = page.at("data");
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    print(console, record->dump(-1, ' ', false, Json::error_handler_t::replace), options.json);
  }
  if (page.value("stopped_early", false)) {
    console.err << "There may be more: the search stopped early. Narrow it with --since, --process "
                   "or --job."
                << std::endl;
  }
  return 0;
}

void add_logs(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("logs", "what the server, its engines and jobs have logged");
  common->add_to(*command);
  const auto options = std::make_shared<LogsOptions>();
  command->add_option("--level", options->level, "debug, info, warning, error: this and worse");
  command->add_option("--event", options->event, "for example http_request");
  command->add_option("--process", options->process, "server, \"engine MODEL\" or \"job ID\"");
  command->add_option("--request", options->request, "a request's id");
  command->add_option("--job", options->job, "a job's id");
  command->add_option("--trace", options->trace, "a trace's id");
  command->add_option("--text", options->text, "a text within the line");
  command->add_option("--since", options->since, "2026-11-23T10:15:30Z, or 15m, 2h, 7d ago");
  command->add_option("--until", options->until, "the same");
  command->add_option("--limit", options->limit, "the newest so many (default 100)")
      ->check(CLI::Range(1, 1000));
  command->add_flag("--follow", options->follow, "and those that come");
  command->callback([common, options] {
    options->json = common->json;
    HubClient client = common->client();
    common->exit_code = logs_command(client, common->setup.console, *options);
  });
}

}  // namespace hub::api
