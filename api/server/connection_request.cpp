#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include "api/server/connection.h"
#include "api/server/http_error.h"
#include "core/base/error.h"

// How a request is read: its head, then its body.
namespace hub::api {

namespace http = boost::beast::http;

namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t kPieceBytes = 16U << 10U;

std::string_view view(const boost::beast::flat_buffer& buffer) {
  const auto data = buffer.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

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
  ++*context_.active_requests;
  request_ =
      std::shared_ptr<Request>(new Request, [active = context_.active_requests](Request* request) {
        remove_upload(*request);  // of a request that never reached its handler
        delete request;
        --*active;
      });
  request_->stopping = context_.stopping;
  request_->client = client_;
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
  piece_.resize(kPieceBytes);
  received_ = buffer_.size();
  body_began_ = std::chrono::steady_clock::now();
  body_deadline();
  const bool asked = !request_->header("Expect").empty();
  if (!asked || http_1_0_ || buffer_.size() > 0) {
    parse_body();
    return;
  }
  asio::async_write(
      stream_,
      asio::buffer(kContinue.data(), kContinue.size()),
      [self = shared_from_this()](ErrorCode error, std::size_t /*bytes*/) {
        if (error || self->phase_ != Phase::kBody) {
          self->close();
          return;
        }
        self->parse_body();
      });
}

// A body that trickles is given up on like one that stops coming.
void Connection::body_deadline() {
  using std::chrono::milliseconds;
  const Server::Options& options = context_.options;
  const auto now = std::chrono::steady_clock::now();
  const auto whole = body_began_ + options.body_timeout +
                     milliseconds(received_ * 1000 / options.body_bytes_per_second);
  deadline(
      std::chrono::duration_cast<milliseconds>(std::min(now + options.body_timeout, whole) - now));
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
  const auto began = std::chrono::steady_clock::now();
  asio::post(context_.disk, [self = shared_from_this(), bytes, last, began] {
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
    asio::post(self->context_.io, [self, last, began, refusal = std::move(refusal)]() mutable {
      if (self->phase_ == Phase::kClosed) {
        self->upload_.reset();
        return;
      }
      self->phase_ = Phase::kBody;
      if (refusal) {
        last ? self->respond(std::move(*refusal)) : self->refuse_request(std::move(*refusal));
      } else if (last) {
        self->dispatch();
      } else {
        self->body_began_ += std::chrono::steady_clock::now() - began;
        self->body_deadline();
        self->parse_body();
      }
    });
  });
}

}  // namespace hub::api
