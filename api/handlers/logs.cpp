#include "api/handlers/logs.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/request_json.h"
#include "api/server/sse.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/time_text.h"
#include "core/hub/log_follower.h"
#include "core/hub/log_search.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMostRecords = 1000;             // of a page
constexpr std::size_t kMostCaughtUp = 10'000;  // records that a follower gets of what was before
constexpr milliseconds kLookAround{500};
constexpr std::chrono::seconds kKeepAlive{15};

[[noreturn]] void refuse(const char* name, std::string_view wanted, const std::string& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("query parameter '{}' must be {}, got \"{}\"", name, wanted, got.substr(0, 60)),
      name);
}

// "15m": so long ago.
std::optional<std::int64_t> relative_ms(std::string_view text, std::int64_t now_ms) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0 || count > 1'000'000'000 ||
      end + 1 != text.data() + text.size()) {
    return std::nullopt;
  }
  switch (*end) {
    case 's':
      return now_ms - count * 1000;
    case 'm':
      return now_ms - count * 60'000;
    case 'h':
      return now_ms - count * 3'600'000;
    case 'd':
      return now_ms - count * 86'400'000;
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> read_time(const Request& request, const char* name) {
  const std::string text = request.query_value(name);
  if (text.empty()) {
    return std::nullopt;
  }
  const auto relative = relative_ms(text, base::SystemClock().now_ms());
  const auto time = relative ? relative : base::from_rfc3339(text);
  if (!time) {
    refuse(name, "a time (2026-11-23T10:15:30Z) or how long ago (30s, 15m, 2h, 7d)", text);
  }
  return time;
}

obs::log::Level read_level(const std::string& word, const char* name) {
  try {
    return obs::log::level_from(word);
  } catch (const Error&) {
    refuse(name, "debug, info, warning or error", word);
  }
}

hub::LogFilter read_filter(const Request& request) {
  hub::LogFilter filter;
  filter.level = read_level(request.query_value("level", "debug"), "level");
  filter.event = request.query_value("event");
  filter.without = request.query_value("without");
  filter.process = request.query_value("process");
  filter.request_id = request.query_value("request_id");
  filter.job_id = request.query_value("job_id");
  filter.trace_id = request.query_value("trace_id");
  filter.text = request.query_value("q");
  filter.since_ms = read_time(request, "since");
  filter.until_ms = read_time(request, "until");
  return filter;
}

bool read_follow(const Request& request) {
  const std::string word = request.query_value("follow", "false");
  if (word != "true" && word != "false") {
    refuse("follow", "true or false", word);
  }
  return word == "true";
}

// What a stream's event is called: its time, and how many of that time there were.
class EventIds {
 public:
  std::string next(const Json& record) {
    const auto time_ms = base::from_rfc3339(record.at("time").get<std::string>()).value_or(0);
    last_.seen = time_ms == last_.time_ms ? last_.seen + 1 : 1;
    last_.time_ms = time_ms;
    return last_.text();
  }

 private:
  hub::LogPosition last_;
};

// Where a stream goes on: the header, since a browser that reconnects repeats the first URL.
std::optional<hub::LogPosition> read_last_event(const Request& request) {
  const std::string text = request.header("Last-Event-ID");
  if (text.empty()) {
    return std::nullopt;
  }
  const auto position = hub::LogPosition::from(text);
  if (!position) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'Last-Event-ID' must be the id of an event of this stream, got \"{}\"",
            text.substr(0, 60)),
        "Last-Event-ID");
  }
  return position;
}

// What fits since filter.since_ms, oldest first.
std::vector<Json> caught_up(
    const std::vector<hub::LogSource>& sources, const hub::LogFilter& filter) {
  hub::LogPage page = hub::search_logs(sources, filter, kMostCaughtUp);
  std::reverse(page.records.begin(), page.records.end());
  return std::move(page.records);
}

class Stream {
 public:
  Stream(hub::Hub& hub, const Request& request, SseWriter& writer, hub::LogFilter filter)
      : hub_(hub), request_(request), writer_(writer), filter_(std::move(filter)) {}

  void run(std::optional<hub::LogPosition> after) {
    if (!writer_.comment("connected")) {
      return;
    }
    if (after) {
      filter_.since_ms = after->time_ms;
    }
    hub::LogFollower follower(hub_.config.data_dir, filter_);
    if (filter_.since_ms && !send(caught_up(follower.sources(), filter_), after)) {
      return;
    }
    auto last_sent = steady_clock::now();
    while (!is_over()) {
      const std::vector<Json> records = follower.poll();
      if (!send(records, std::nullopt)) {
        return;
      }
      if (!records.empty()) {
        last_sent = steady_clock::now();
      } else if (steady_clock::now() - last_sent >= kKeepAlive) {
        if (!writer_.comment()) {
          return;
        }
        last_sent = steady_clock::now();
      }
      std::this_thread::sleep_for(kLookAround);
    }
  }

 private:
  [[nodiscard]] bool is_over() const {
    return request_.cancelled->load() || request_.stopping->load() || hub_.events.closed();
  }

  // Leaves out those up to `after`. False when the client is gone.
  bool send(const std::vector<Json>& records, const std::optional<hub::LogPosition>& after) {
    for (const Json& record : records) {
      const std::string id = ids_.next(record);
      const auto position = hub::LogPosition::from(id);
      if (after && position->time_ms == after->time_ms && position->seen <= after->seen) {
        continue;
      }
      const std::string data = record.dump(-1, ' ', false, Json::error_handler_t::replace);
      if (!writer_.send({.data = data, .event = "log", .id = id, .retry_ms = {}})) {
        return false;
      }
    }
    return true;
  }

  hub::Hub& hub_;
  const Request& request_;
  SseWriter& writer_;
  hub::LogFilter filter_;
  EventIds ids_;
};

Response logs(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(
      request,
      {"level",
       "event",
       "without",
       "process",
       "request_id",
       "job_id",
       "trace_id",
       "q",
       "since",
       "until",
       "limit",
       "cursor",
       "follow"});
  const hub::LogFilter filter = read_filter(request);
  if (read_follow(request)) {
    return sse_response(
        [&hub, &request, filter, after = read_last_event(request)](SseWriter& writer) {
          Stream(hub, request, writer, filter).run(after);
        });
  }
  const Page page = read_page(request, 100, kMostRecords);
  const auto before = hub::LogPosition::from(page.cursor);
  if (!page.cursor.empty() && !before) {
    refuse("cursor", "what next_cursor was", page.cursor);
  }
  hub::LogPage found = hub::search_logs(
      hub::log_sources(hub.config.data_dir, filter),
      filter,
      static_cast<std::size_t>(page.limit),
      before);
  Json answer = {{"data", std::move(found.records)}};
  answer["next_cursor"] = found.next ? Json(found.next->text()) : Json(nullptr);
  answer["stopped_early"] = found.stopped_early;
  return json_answer(200, answer);
}

Json level_json(const hub::Hub& hub) {
  return {{"level", obs::log::to_string(obs::log::level())}, {"configured", hub.config.log_level}};
}

Response change_level(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const base::JsonReader body(json);
  body.refuse_unknown({"level"});
  const auto level = obs::log::level_from(body.string("level"));
  const auto before = obs::log::level();
  obs::log::set_level(level);
  obs::log::write(
      std::max(level, obs::log::Level::kInfo),
      "log_level_changed",
      {{"from", obs::log::to_string(before)},
       {"to", obs::log::to_string(level)},
       {"request_id", request.request_id}});
  return json_answer(200, level_json(hub));
}

}  // namespace

std::vector<Route> log_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET", "/logs", [&hub](const Request& request) { return logs(hub, request); }},
      {"GET", "/logs/level", [&hub](const Request&) { return json_answer(200, level_json(hub)); }},
      {"PUT", "/logs/level", [&hub](const Request& request) { return change_level(hub, request); }},
  };
}

}  // namespace hub::api
