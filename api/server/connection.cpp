#include "api/server/connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "api/server/access_log.h"
#include "api/server/http_error.h"

namespace hub::api {

namespace {

// Enough for most heads; a body is read in larger pieces.
constexpr std::size_t kInboxBytes = 4U << 10U;
constexpr std::size_t kBodyInboxBytes = 64U << 10U;
// What a client may send ahead while its request is handled.
constexpr std::size_t kPipelineBytes = 256U << 10U;
constexpr std::uint64_t kLingerBytes = 256ULL << 20U;

}  // namespace

Connection::Connection(Transport::Socket socket, ConnectionContext& context)
    : stream_(std::move(socket)),
      context_(context),
      timer_(context.io),
      inbox_(kInboxBytes),
      buffer_(context.options.header_limit_bytes + kPipelineBytes + kBodyInboxBytes) {
  ErrorCode error;
  const auto peer = stream_.socket().remote_endpoint(error);
  if (!error) {
    client_ = address_text(peer.data(), peer.size());
  }
}

void Connection::start(bool tls) {
  ErrorCode ignored;
  stream_.socket().non_blocking(true, ignored);  // NOLINT(bugprone-unused-return-value)
  // Fails on Unix sockets, which need it not.
  stream_.socket().set_option(
      asio::ip::tcp::no_delay(true), ignored);  // NOLINT(bugprone-unused-return-value)
  tls ? begin_tls() : next_request();
}

void Connection::refuse() {
  new_request();
  started_ = std::chrono::steady_clock::now();
  refuse_request(error_response(503, "too many connections", "overloaded"));
}

void Connection::drain() {
  keep_alive_ = false;
  if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) {
    close();
  }
}

void Connection::abort() {
  client_gone();
  close();
}

void Connection::next_request() {
  request_.reset();
  upload_.reset();
  route_ = nullptr;
  http_1_0_ = false;
  status_ = 0;
  sent_bytes_ = 0;
  keep_alive_ = true;
  std::vector<char>().swap(piece_);
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(context_.options.header_limit_bytes));
  parser_->body_limit(boost::none);
  phase_ = Phase::kIdle;
  if (*context_.stopping && buffer_.size() == 0) {
    close();
    return;
  }
  deadline(context_.options.idle_timeout);
  parse_head();
}

void Connection::read_more() {
  if (reading_) {
    return;
  }
  if (peer_closed_) {
    // Nothing more will come: a request that is not complete never will be.
    if (phase_ == Phase::kHandshake || phase_ == Phase::kIdle || phase_ == Phase::kHead ||
        phase_ == Phase::kBody || phase_ == Phase::kLinger) {
      close();
    }
    return;
  }
  reading_ = true;
  const bool large = phase_ == Phase::kBody || phase_ == Phase::kLinger;
  if (const std::size_t size = large ? kBodyInboxBytes : kInboxBytes; inbox_.size() != size) {
    inbox_ = std::vector<char>(size);
  }
  stream_.async_read_some(
      asio::buffer(inbox_), [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
        self->on_read(error, bytes);
      });
}

void Connection::on_read(ErrorCode error, std::size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::kClosed) {
    return;
  }
  if (timed_out_) {
    timed_out_ = false;
    on_late_request();
    return;
  }
  if (error) {
    on_peer_closed(error);
    return;
  }
  if (phase_ == Phase::kHandshake) {
    on_first_bytes(bytes);
    return;
  }
  if (phase_ == Phase::kLinger) {
    lingered_ += bytes;
    lingered_ > kLingerBytes ? close() : read_more();
    return;
  }
  if (buffer_.size() + bytes > buffer_.max_size()) {  // a chunk's head without end
    refuse_request(error_response(400, "the request's body is broken", "bad_request"));
    return;
  }
  received_ += bytes;
  const auto space = buffer_.prepare(bytes);
  std::copy_n(inbox_.data(), bytes, static_cast<char*>(space.data()));
  buffer_.commit(bytes);
  on_input();
}

void Connection::on_late_request() {
  if (phase_ == Phase::kIdle) {
    close();
    return;
  }
  if (phase_ == Phase::kHead) {
    new_request();
  }
  refuse_request(error_response(408, "the request did not arrive in time", "request_timeout"));
}

void Connection::on_peer_closed(ErrorCode error) {
  peer_closed_ = true;
  switch (phase_) {
    case Phase::kWaiting:
    case Phase::kHandling:
      client_gone();
      // After a mere end of input the client may still read its answer.
      if (error != asio::error::eof && phase_ == Phase::kWaiting && !claimed_->exchange(true)) {
        record(499);
        close();
      }
      return;
    case Phase::kStoring:
      return;  // noticed when the piece is on disk
    case Phase::kHandshake:
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody:
    case Phase::kLinger:
    case Phase::kClosed:
      if (phase_ == Phase::kBody) {
        record(499);
      }
      close();
      return;
  }
}

void Connection::on_input() {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHead:
      parse_head();
      return;
    case Phase::kBody:
      body_deadline();
      parse_body();
      return;
    case Phase::kWaiting:
    case Phase::kHandling:
      if (buffer_.size() < kPipelineBytes) {
        read_more();
      }
      return;
    case Phase::kHandshake:
    case Phase::kStoring:
    case Phase::kLinger:
    case Phase::kClosed:
      return;
  }
}

void Connection::dispatch() {
  phase_ = Phase::kWaiting;
  claimed_ = std::make_shared<std::atomic<bool>>(false);
  deadline(context_.options.waiting_timeout);
  const bool accepted =
      context_.handlers.try_run([self = shared_from_this(), claimed = claimed_]() mutable {
        if (!claimed->exchange(true)) {
          self->run_handler();
        }
        self.reset();
      });
  if (!accepted && !claimed_->exchange(true)) {
    respond(error_response(503, "all handlers are busy: try again later", "overloaded"));
    return;
  }
  if (buffer_.size() < kPipelineBytes) {
    read_more();
  }
}

void Connection::deadline(std::chrono::milliseconds time) {
  deadline_ = std::chrono::steady_clock::now() + time;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (!error && std::chrono::steady_clock::now() >= self->deadline_) {
      self->on_deadline();
    }
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::kWaiting:
      if (!claimed_->exchange(true)) {
        respond(error_response(503, "all handlers are busy: try again later", "overloaded"));
      }
      return;
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody: {
      timed_out_ = true;  // the cancelled read answers
      ErrorCode ignored;
      stream_.socket().cancel(ignored);  // NOLINT(bugprone-unused-return-value)
      return;
    }
    case Phase::kHandling:  // the client takes no bytes
    case Phase::kLinger:
      client_gone();
      close();
      return;
    case Phase::kHandshake:
      close();
      return;
    case Phase::kStoring:
    case Phase::kClosed:
      return;
  }
}

void Connection::close() {
  if (phase_ == Phase::kClosed) {
    return;
  }
  if (phase_ != Phase::kStoring) {  // else when the disk thread is done with it
    upload_.reset();
  }
  const bool polite = stream_.is_tls() && phase_ != Phase::kHandshake && !gone_;
  phase_ = Phase::kClosed;
  timer_.cancel();
  polite ? say_goodbye() : close_socket();
  context_.on_closed(shared_from_this());
}

void Connection::close_socket() {
  ErrorCode ignored;
  stream_.socket().close(ignored);  // NOLINT(bugprone-unused-return-value)
}

}  // namespace hub::api
