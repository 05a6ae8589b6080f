#include "api/server/connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include "api/server/http_error.h"
#include "core/base/error.h"

namespace hub::api {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kInboxBytes = 64U << 10U;
// What a client may send ahead while its request is handled.
constexpr std::size_t kPipelineBytes = 256U << 10U;
constexpr std::uint64_t kLingerBytes = 256ULL << 20U;

std::string_view view(const boost::beast::flat_buffer& buffer) {
  const auto data = buffer.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Connection::Connection(Socket socket, ConnectionContext& context)
    : socket_(std::move(socket)),
      context_(context),
      timer_(context.io),
      inbox_(kInboxBytes),
      buffer_(context.options.header_limit_bytes + kPipelineBytes + kInboxBytes) {}

void Connection::start() {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);  // fails on Unix sockets: fine
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

void Connection::parse_head() {
  if (phase_ == Phase::kIdle) {
    while (view(buffer_).starts_with("\r\n")) {  // RFC 9112, section 2.2
      buffer_.consume(2);
    }
    if (buffer_.size() == 0 || view(buffer_) == "\r") {
      read_more();
      return;
    }
    phase_ = Phase::kHead;
    started_ = std::chrono::steady_clock::now();
    deadline(context_.options.header_timeout);
  }
  ErrorCode error;
  const std::size_t used = parser_->put(buffer_.data(), error);
  buffer_.consume(used);
  if (error == http::error::need_more) {
    read_more();
    return;
  }
  if (error) {
    const bool in_first_line =
        parser_->get().target().empty() && view(buffer_).find('\n') == std::string_view::npos;
    const bool too_long = error == http::error::header_limit;
    new_request();
    refuse_request(
        !too_long
            ? error_response(
                  400, fmt::format("no valid HTTP request: {}", error.message()), "bad_request")
        : in_first_line ? error_response(414, "the URL is too long", "url_too_long")
                        : error_response(
                              431,
                              fmt::format(
                                  "the request's header is larger than {} bytes",
                                  context_.options.header_limit_bytes),
                              "header_too_large"));
    return;
  }
  on_head();
}

void Connection::new_request() {
  request_ = std::shared_ptr<Request>(new Request, [](Request* request) {
    remove_upload(*request);  // of a request that never reached its handler
    delete request;
  });
  request_->stopping = context_.stopping;
  request_->request_id = choose_request_id(*request_);
}

HeadFacts Connection::take_head() {
  const auto& message = parser_->get();
  new_request();
  request_->method = view(message.method_string());
  request_->target = view(message.target());
  HeadFacts facts;
  for (const auto& field : message) {
    const std::string name(view(field.name_string()));
    const std::string_view value = view(field.value());
    facts.host_count += field.name() == http::field::host ? 1 : 0;
    const auto [entry, is_new] = request_->headers.emplace(name, value);
    if (!is_new) {
      entry->second.append(field.name() == http::field::cookie ? "; " : ", ").append(value);
    }
  }
  request_->request_id = choose_request_id(*request_);
  http_1_0_ = message.version() == 10;
  facts.http_1_0 = http_1_0_;
  facts.chunked = parser_->chunked();
  if (const auto length = parser_->content_length()) {
    facts.content_length = *length;
  }
  keep_alive_ = parser_->keep_alive() && !*context_.stopping;
  return facts;
}

void Connection::on_head() {
  const HeadFacts facts = take_head();
  Admission admission = admit_request(*request_, facts, context_.router, context_.options);
  if (admission.answer) {
    const bool body_follows = facts.chunked || facts.content_length.value_or(0) > 0;
    body_follows ? refuse_request(std::move(*admission.answer))
                 : respond(std::move(*admission.answer));
    return;
  }
  route_ = admission.route;
  body_plan_ = admission.body;
  if (body_plan_ == BodyPlan::kNone) {
    dispatch();
    return;
  }
  start_body();
}

void Connection::start_body() {
  try {
    if (body_plan_ == BodyPlan::kUpload) {
      upload_ = std::make_unique<UploadSink>(
          context_.options.upload_folder,
          UploadSink::Limits{
              context_.options.upload_limit_bytes, context_.options.body_limit_bytes},
          request_->header("Content-Type"));
    }
  } catch (const base::Error& error) {
    refuse_request(error_response(error));
    return;
  }
  phase_ = Phase::kBody;
  deadline(context_.options.body_timeout);
  const bool asked = !request_->header("Expect").empty();
  if (!asked || http_1_0_ || buffer_.size() > 0) {
    parse_body();
    return;
  }
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(
      socket_,
      asio::buffer(kContinue.data(), kContinue.size()),
      [self = shared_from_this()](ErrorCode error, std::size_t /*bytes*/) {
        if (error || self->phase_ != Phase::kBody) {
          self->close();
          return;
        }
        self->parse_body();
      });
}

void Connection::parse_body() {
  while (buffer_.size() > 0 && !parser_->is_done()) {
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    ErrorCode error;
    const std::size_t used = parser_->put(buffer_.data(), error);
    const std::string_view piece(piece_.data(), piece_.size() - body.size);
    buffer_.consume(used);
    if (error && error != http::error::need_more && error != http::error::need_buffer) {
      refuse_request(error_response(
          400, fmt::format("the request's body is broken: {}", error.message()), "bad_request"));
      return;
    }
    if (body_plan_ == BodyPlan::kUpload) {
      if (!piece.empty()) {
        store(piece, parser_->is_done());
        return;
      }
    } else if (request_->body.size() + piece.size() > context_.options.body_limit_bytes) {
      refuse_request(error_response(
          413,
          fmt::format("the body is larger than {} bytes", context_.options.body_limit_bytes),
          "body_too_large"));
      return;
    } else {
      request_->body += piece;
    }
    if (error == http::error::need_more && used == 0) {
      break;
    }
  }
  if (!parser_->is_done()) {
    read_more();
  } else if (body_plan_ == BodyPlan::kUpload) {
    store({}, true);
  } else {
    dispatch();
  }
}

// piece_ is the disk thread's until it posts back: no read is outstanding meanwhile.
void Connection::store(std::string_view bytes, bool last) {
  phase_ = Phase::kStoring;
  timer_.cancel();
  deadline_ = std::chrono::steady_clock::time_point::max();
  asio::post(context_.disk, [self = shared_from_this(), bytes, last] {
    std::optional<Response> refusal;
    try {
      self->upload_->write(bytes);
      if (last) {
        self->upload_->finish(*self->request_);
      }
    } catch (const base::Error& error) {
      refusal = error_response(error);
    } catch (const std::exception& error) {
      refusal = error_response(500, error.what(), "internal_error");
    }
    if (refusal) {
      self->upload_.reset();
    }
    asio::post(self->context_.io, [self, last, refusal = std::move(refusal)]() mutable {
      if (self->phase_ == Phase::kClosed) {
        return;
      }
      self->phase_ = Phase::kBody;
      if (refusal) {
        last ? self->respond(std::move(*refusal)) : self->refuse_request(std::move(*refusal));
      } else if (last) {
        self->dispatch();
      } else {
        self->deadline(self->context_.options.body_timeout);
        self->parse_body();
      }
    });
  });
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
      socket_.cancel(ignored);
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
  phase_ = Phase::kClosed;
  timer_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
  context_.on_closed(shared_from_this());
}

}  // namespace hub::api
