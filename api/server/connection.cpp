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

constexpr std::size_t kInboxBytes = 64U << 10U;
// What a client may send ahead while its request is handled.
constexpr std::size_t kPipelineBytes = 256U << 10U;
constexpr std::uint64_t kLingerBytes = 256ULL << 20U;

}  // namespace

Connection::Connection(Socket socket, ConnectionContext& context)
    : socket_(std::move(socket)),
      context_(context),
      timer_(context.io),
      inbox_(kInboxBytes),
      buffer_(context.options.header_limit_bytes + kPipelineBytes + kInboxBytes) {
  ErrorCode error;
  const auto peer = socket_.remote_endpoint(error);
  if (!error) {
    client_ = address_text(peer.data(), peer.size());
  }
}

void Connection::start() {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);  // NOLINT(bugprone-unused-return-value)
  // Fails on Unix sockets, which need it not.
  socket_.set_option(
      asio::ip::tcp::no_delay(true), ignored);  // NOLINT(bugprone-unused-return-value)
  next_request();
}

void Connection::refuse() {
  new_request();
  started_ = std::chrono::steady_clock::now();
  refuse_request(error_response(503, "too many connections", "overloaded"));
}

void Connection::drain() {
  keep_alive_ = false;
  if (phase_ == Phase::kIdle) {
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
    if (phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody ||
        phase_ == Phase::kLinger) {
      close();
    }
    return;
  }
  reading_ = true;
  socket_.async_read_some(
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
  if (phase_ == Phase::kLinger) {
    lingered_ += bytes;
    lingered_ > kLingerBytes ? close() : read_more();
    return;
  }
  if (buffer_.size() + bytes > buffer_.max_size()) {  // a chunk's head without end
    refuse_request(error_response(400, "the request's body is broken", "bad_request"));
    return;
  }
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
      deadline(context_.options.body_timeout);
      parse_body();
      return;
    case Phase::kWaiting:
    case Phase::kHandling:
      if (buffer_.size() < kPipelineBytes) {
        read_more();
      }
      return;
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
      socket_.cancel(ignored);  // NOLINT(bugprone-unused-return-value)
      return;
    }
    case Phase::kHandling:  // the client takes no bytes
    case Phase::kLinger:
      client_gone();
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
  phase_ = Phase::kClosed;
  timer_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);  // NOLINT(bugprone-unused-return-value)
  context_.on_closed(shared_from_this());
}

}  // namespace hub::api
