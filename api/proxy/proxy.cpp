#include "api/proxy/proxy.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/proxy/upstream_connection.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

// Of one connection, not of the message (RFC 9110, section 7.6.1), or written anew by each side.
constexpr std::array<std::string_view, 11> kHopByHop{
    "Connection",
    "Content-Length",
    "Date",
    "Expect",
    "Host",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "X-Request-Id"};
// The worker trusts whoever reaches its socket: it has no use for a client's secrets.
constexpr std::array<std::string_view, 4> kCredentials{
    "Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"};
// The hub reads some answers on their way, and packs them itself.
constexpr std::string_view kPacking = "Accept-Encoding";
constexpr std::size_t kHeldBackBytes = 1U << 20U;

bool same_name(std::string_view a, std::string_view b) {
  const HeaderLess less;
  return !less(std::string(a), std::string(b)) && !less(std::string(b), std::string(a));
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view other) {
    return same_name(name, other);
  });
}

// True when the Connection header names it: "Connection: close, X-Private".
bool named_by_connection(std::string_view name, std::string_view connection) {
  while (!connection.empty()) {
    const std::size_t comma = connection.find(',');
    std::string_view word = connection.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
    word = word.substr(0, word.find_first_of(" \t"));
    if (same_name(word, name)) {
      return true;
    }
    connection.remove_prefix(comma == std::string_view::npos ? connection.size() : comma + 1);
  }
  return false;
}

std::string request_bytes(const Request& request, const Upstream& upstream) {
  Headers headers;
  for (const auto& [name, value] : request.headers) {
    const bool internal = same_name(name.substr(0, 6), "x-hub-");
    if (!internal && !same_name(name, kPacking) && !is_one_of(name, kHopByHop) &&
        !is_one_of(name, kCredentials) &&
        !named_by_connection(name, request.header("Connection"))) {
      headers[name] = value;
    }
  }
  for (const auto& [name, value] : upstream.headers) {
    headers[name] = value;
  }
  headers["Connection"] = "close";
  headers["Host"] = "localhost";
  headers["X-Request-Id"] = request.request_id;
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    headers["Content-Length"] = std::to_string(request.body.size());
  }
  std::string bytes = fmt::format(
      "{} {} HTTP/1.1\r\n",
      request.method,
      upstream.target.empty() ? request.target : upstream.target);
  for (const auto& [name, value] : headers) {
    if (value.find_first_of("\r\n") != std::string::npos) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("header {} holds a line break", name),
          name);
    }
    bytes += fmt::format("{}: {}\r\n", name, value);
  }
  bytes += "\r\n";
  return bytes + request.body;
}

[[noreturn]] void fail(const Request& request, std::string_view reason, std::string_view message) {
  if (*request.cancelled) {
    throw base::Error(base::ErrorCode::kCancelled, "the client went away", {}, "cancelled");
  }
  obs::log::warning("upstream_failed", {{"request_id", request.request_id}, {"reason", reason}});
  throw base::Error(base::ErrorCode::kUnavailable, std::string(message), {}, std::string(reason));
}

bool has_type(const Headers& headers, std::string_view wanted) {
  const auto type = headers.find("Content-Type");
  return type != headers.end() && type->second.starts_with(wanted);
}

std::string lost_event(const base::Error& error) {
  return sse_event({.data = error_body(error), .event = {}, .id = {}, .retry_ms = {}});
}

// Passes a stream on by whole lines: an event, or a line of NDJSON, that broke off never reaches
// the client as if it were one.
class LineRelay {
 public:
  LineRelay(BodyWriter& out, bool has_events) : out_(out), has_events_(has_events) {}

  bool pass(std::string_view bytes) {
    held_ += bytes;
    const std::size_t newline = held_.rfind('\n');
    const std::size_t size = newline != std::string::npos    ? newline + 1
                             : held_.size() > kHeldBackBytes ? held_.size()
                                                             : 0;
    if (size == 0) {
      return true;
    }
    const bool taken = out_.write(std::string_view(held_).substr(0, size));
    after_event_ = held_[size - 1] == '\n' && (size == 1 ? after_line_ : held_[size - 2] == '\n');
    after_line_ = held_[size - 1] == '\n';
    held_.erase(0, size);
    return taken;
  }

  bool finish() { return held_.empty() || out_.write(held_); }

  void lost(const std::string& text) {
    // Lines are sent whole, but for one that is too long to be held back.
    std::string end = after_event_ ? "" : after_line_ ? "\n" : "\n\n";
    out_.write((has_events_ ? end : after_line_ ? "" : "\n") + text);
  }

 private:
  BodyWriter& out_;
  const bool has_events_;
  std::string held_;
  bool after_line_ = true;
  bool after_event_ = true;
};

struct Exchange {
  std::shared_ptr<UpstreamConnection> connection;
  std::shared_ptr<std::atomic<bool>> cancelled;
  std::shared_ptr<CancelHook> on_cancel;
  std::string request_id;
  std::function<void()> on_loss;
  std::function<std::string(const base::Error&)> lost_text;
};

void note_loss(const Exchange& exchange) {
  obs::log::warning(
      "upstream_failed", {{"request_id", exchange.request_id}, {"reason", "engine_lost"}});
  if (exchange.on_loss) {
    exchange.on_loss();
  }
}

void stream_lines(const Exchange& exchange, bool has_events, BodyWriter& out) {
  LineRelay relay(out, has_events);
  while (true) {
    const auto piece = exchange.connection->read_body();
    if (*exchange.cancelled) {
      break;
    }
    if (!piece) {
      note_loss(exchange);
      const base::Error error(
          base::ErrorCode::kUnavailable,
          "the engine stopped in the middle of this answer: send the request again",
          {},
          kEngineLost);
      relay.lost(exchange.lost_text ? exchange.lost_text(error) : lost_event(error));
      break;
    }
    if (piece->empty()) {
      relay.finish();
      break;
    }
    if (!relay.pass(*piece)) {
      break;
    }
  }
  exchange.connection->cancel();
}

void stream_bytes(const Exchange& exchange, BodyWriter& out) {
  while (true) {
    const auto piece = exchange.connection->read_body();
    if (!piece && !*exchange.cancelled) {
      note_loss(exchange);
      throw base::Error(
          base::ErrorCode::kUnavailable, "the engine stopped in the middle of this answer");
    }
    if (!piece || piece->empty() || !out.write(*piece)) {
      exchange.connection->cancel();
      return;
    }
  }
}

}  // namespace

Response forward(const Request& request, const Upstream& upstream) {
  const std::string bytes = request_bytes(request, upstream);
  const Exchange exchange{
      std::make_shared<UpstreamConnection>(),
      request.cancelled,
      request.on_cancel,
      request.request_id,
      upstream.on_loss,
      upstream.lost_text};
  UpstreamConnection& connection = *exchange.connection;
  *request.on_cancel = [connection = exchange.connection] { connection->cancel(); };

  if (!connection.open(upstream.socket_path, bytes)) {
    fail(request, kEngineUnavailable, "the engine for this model cannot be reached: try again");
  }
  const auto head = connection.read_head(request.method == "HEAD");
  if (!head) {
    fail(request, kEngineLost, "the engine stopped before it answered: send the request again");
  }
  Response response;
  response.status = head->status;
  const auto named = head->headers.find("Connection");
  for (const auto& [name, value] : head->headers) {
    if (!is_one_of(name, kHopByHop) &&
        (named == head->headers.end() || !named_by_connection(name, named->second))) {
      response.headers[name] = value;
    }
  }
  if (request.method == "HEAD") {  // there is no body; its length is the engine's word
    response.body_size = head->announced;
    *request.on_cancel = nullptr;
    return response;
  }
  const bool has_events = has_type(head->headers, "text/event-stream");
  const bool has_lines = has_type(head->headers, "application/x-ndjson");
  if (has_events || (has_lines && upstream.lost_text)) {
    response.stream = [exchange, has_events](BodyWriter& out) {
      stream_lines(exchange, has_events, out);
    };
    return response;
  }
  if (!head->known_length) {
    response.stream = [exchange](BodyWriter& out) { stream_bytes(exchange, out); };
    return response;
  }
  while (true) {
    auto piece = connection.read_body();
    if (!piece) {
      fail(request, kEngineLost, "the engine stopped before it answered: send the request again");
    }
    if (piece->empty()) {
      break;
    }
    response.body += *piece;
  }
  *request.on_cancel = nullptr;
  return response;
}

}  // namespace hub::api
