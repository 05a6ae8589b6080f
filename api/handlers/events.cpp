#include "api/handlers/events.h"

#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "api/handlers/request_json.h"
#include "api/server/sse.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookAround{500};  // whether the client or the server is gone
constexpr std::chrono::seconds kKeepAlive{15};

// Where to go on: the header, since a browser that reconnects repeats the first URL; else ?after=.
std::optional<std::int64_t> read_position(hub::Hub& hub, const Request& request) {
  const std::string header = request.header("Last-Event-ID");
  const std::string text = header.empty() ? request.query_value("after") : header;
  if (text.empty()) {
    return std::nullopt;
  }
  const char* field = header.empty() ? "after" : "Last-Event-ID";
  std::int64_t after = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
  const std::int64_t last = hub.events.last();
  if (error != std::errc() || end != text.data() + text.size() || after < 0 || after > last) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be the number of an event, from 0 to {}, got \"{}\"",
            field,
            last,
            text.substr(0, 60)),
        field);
  }
  return after;
}

// True when the stream is over: the client or the server is gone.
bool is_over(const hub::Hub& hub, const Request& request) {
  return request.cancelled->load() || request.stopping->load() || hub.events.closed();
}

bool ends_job(const jobs::Event& event) {
  return event.type == "job.completed" || event.type == "job.failed" ||
         event.type == "job.cancelled" || event.type == "job.deleted";
}

// Sends what is there and waits for more, until the client or the server is gone, or, for one job,
// until its last event was sent.
void follow(
    hub::Hub& hub,
    const Request& request,
    SseWriter& writer,
    std::int64_t after,
    const std::optional<std::string>& job_id) {
  auto last_sent = steady_clock::now();
  // A first byte tells the client that it is connected.
  if (!writer.comment("connected")) {
    return;
  }
  while (!is_over(hub, request)) {
    const std::uint64_t seen = hub.events.commits();
    const auto events = hub.events.after(after, job_id);
    for (const jobs::Event& event : events) {
      const std::string id = std::to_string(event.seq);
      if (!writer.send({.data = event.to_json(), .event = event.type, .id = id, .retry_ms = {}})) {
        return;
      }
      after = event.seq;
      last_sent = steady_clock::now();
      if (job_id && ends_job(event)) {
        return;
      }
    }
    if (!events.empty()) {
      continue;  // there may be more than one page
    }
    if (steady_clock::now() - last_sent >= kKeepAlive) {
      if (!writer.comment()) {
        return;
      }
      last_sent = steady_clock::now();
    }
    hub.events.wait(seen, kLookAround);
  }
}

Response all_events(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"after"});
  const std::int64_t after = read_position(hub, request).value_or(hub.events.last());
  return sse_response([&hub, &request, after](SseWriter& writer) {
    follow(hub, request, writer, after, std::nullopt);
  });
}

Response job_events(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"after"});
  const std::int64_t after = read_position(hub, request).value_or(0);
  const jobs::Job job = hub.queue.get(request.params.at("id"));
  // 204 tells an EventSource that came back after the last event not to come again.
  if (jobs::is_ended(job.state) && hub.events.after(after, job.id, 1).empty()) {
    return no_content();
  }
  return sse_response([&hub, &request, after, id = job.id](SseWriter& writer) {
    follow(hub, request, writer, after, id);
  });
}

}  // namespace

std::vector<Route> event_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET", "/events", [&hub](const Request& request) { return all_events(hub, request); }},
      {"GET",
       "/jobs/{id}/events",
       [&hub](const Request& request) { return job_events(hub, request); }},
  };
}

}  // namespace hub::api
