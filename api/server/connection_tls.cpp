#include <chrono>
#include <string_view>

#include "api/server/connection.h"
#include "api/server/http_error.h"

namespace hub::api {
namespace {

constexpr char kHandshakeRecord = 0x16;  // how every TLS client begins (RFC 8446, section 5.1)
constexpr auto kGoodbyeTime = std::chrono::seconds(1);

}  // namespace

void Connection::begin_tls() {
  phase_ = Phase::kHandshake;
  started_ = std::chrono::steady_clock::now();  // of the refusal, where there will be one
  deadline(context_.options.header_timeout);
  read_more();
}

// The first bytes are read as they are: whoever sends HTTP to a TLS port can read why that fails.
void Connection::on_first_bytes(std::size_t bytes) {
  if (inbox_.front() != kHandshakeRecord) {
    new_request();
    refuse_request(error_response(
        400, "this port speaks TLS: call it by https://, not http://", "https_required"));
    return;
  }
  stream_.async_handshake(
      context_.tls->current(),
      std::string_view(inbox_.data(), bytes),
      [self = shared_from_this()](ErrorCode error, std::size_t /*used*/) {
        self->on_handshake(error);
      });
}

void Connection::on_handshake(ErrorCode error) {
  if (phase_ == Phase::kClosed) {
    return;
  }
  if (error) {  // most are scanners, and clients that do not trust the certificate: no news
    close();
    return;
  }
  next_request();
}

// Without a close_notify a client cannot tell the end of an answer from a cut connection.
void Connection::say_goodbye() {
  timer_.expires_after(kGoodbyeTime);
  timer_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (!error) {
      self->close_socket();
    }
  });
  stream_.async_shutdown([self = shared_from_this()](ErrorCode /*error*/) {
    self->timer_.cancel();
    self->close_socket();
  });
}

}  // namespace hub::api
