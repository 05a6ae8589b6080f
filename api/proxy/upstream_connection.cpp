#include "api/proxy/upstream_connection.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "api/server/descriptor.h"

namespace hub::api {

namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t kHeadLimitBytes = 64U << 10U;
constexpr long kConnectSeconds = 5;

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

}  // namespace

struct UpstreamConnection::State {
  std::mutex mutex;        // between cancel() and what opens or closes the descriptor
  Descriptor socket;       // set under mutex
  bool cancelled = false;  // guarded by mutex
  std::string input;       // received, not parsed
  http::response_parser<http::string_body> parser;

  // Waits for bytes. False at the end of input or after cancel().
  bool receive() {
    std::array<char, 65536> piece{};
    while (true) {
      const ssize_t got = ::recv(socket.number(), piece.data(), piece.size(), 0);
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return false;
      }
      input.append(piece.data(), static_cast<std::size_t>(got));
      return true;
    }
  }

  // Parses what is here. False for what is no HTTP.
  bool parse() {
    while (!input.empty() && !parser.is_done()) {
      boost::system::error_code error;
      const std::size_t used = parser.put(boost::asio::buffer(input), error);
      input.erase(0, used);
      if (error && error != http::error::need_more) {
        return false;
      }
      if (used == 0) {
        break;
      }
    }
    return true;
  }
};

UpstreamConnection::UpstreamConnection() : state_(std::make_unique<State>()) {
  state_->parser.eager(true);
  state_->parser.header_limit(kHeadLimitBytes);
  state_->parser.body_limit(boost::none);
}

UpstreamConnection::~UpstreamConnection() = default;

bool UpstreamConnection::open(
    const std::filesystem::path& socket_path, std::string_view request_bytes) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path.string();
  if (path.size() >= sizeof(address.sun_path)) {
    return false;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  int number = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled) {
      return false;
    }
    state_->socket = Descriptor(::socket(AF_UNIX, SOCK_STREAM, 0));
    number = state_->socket.number();
  }
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  const timeval patience{kConnectSeconds, 0};  // for a full backlog
  ::setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(number, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return false;
  }
  const timeval forever{};
  ::setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
#ifdef SO_NOSIGPIPE
  const int on = 1;
  ::setsockopt(number, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
  while (!request_bytes.empty()) {
    const ssize_t sent = ::send(number, request_bytes.data(), request_bytes.size(), kSendFlags);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    request_bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<UpstreamConnection::Head> UpstreamConnection::read_head(bool of_head) {
  state_->parser.skip(of_head);
  while (!state_->parser.is_header_done()) {
    if (!state_->receive() || !state_->parse()) {
      return std::nullopt;
    }
  }
  const auto& message = state_->parser.get();
  Head head;
  head.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    const std::string name(field.name_string().data(), field.name_string().size());
    const std::string_view value(field.value().data(), field.value().size());
    const auto [entry, is_new] = head.headers.emplace(name, value);
    if (!is_new) {
      entry->second.append(", ").append(value);
    }
  }
  if (const auto length = state_->parser.content_length()) {
    head.announced = *length;
  }
  head.known_length = !state_->parser.chunked() && !state_->parser.need_eof();
  return head;
}

std::optional<std::string> UpstreamConnection::read_body() {
  while (true) {
    std::string piece = std::exchange(state_->parser.get().body(), {});
    if (!piece.empty() || state_->parser.is_done()) {
      return piece;
    }
    if (!state_->receive()) {
      boost::system::error_code error;
      state_->parser.put_eof(error);
      if (error || !state_->parser.is_done()) {
        return std::nullopt;
      }
    } else if (!state_->parse()) {
      return std::nullopt;
    }
  }
}

void UpstreamConnection::cancel() {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled = true;
  if (state_->socket.valid()) {
    ::shutdown(state_->socket.number(), SHUT_RDWR);
  }
}

}  // namespace hub::api
