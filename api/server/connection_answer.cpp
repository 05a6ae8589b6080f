#include <array>
#include <cerrno>
#include <future>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "api/server/access_log.h"
#include "api/server/connection.h"
#include "api/server/file_answer.h"
#include "api/server/http_error.h"
#include "api/server/negotiation.h"
#include "api/server/response_head.h"
#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

constexpr std::size_t kFilePieceBytes = 256U << 10U;

bool body_is_forbidden(int status) {
  return status == 204 || status == 304 || status < 200;
}

}  // namespace

// Frames what a handler streams.
class StreamWriter final : public BodyWriter {
 public:
  StreamWriter(Connection& connection, bool chunked) : connection_(connection), chunked_(chunked) {}

  bool write(std::string_view bytes) override {
    if (bytes.empty() || connection_.gone_) {  // an empty chunk would end the body
      return !connection_.gone_;
    }
    connection_.sent_bytes_ += bytes.size();
    return chunked_
               ? connection_.write_and_wait(fmt::format("{:x}\r\n", bytes.size()), bytes, "\r\n")
               : connection_.write_and_wait(bytes, {}, {});
  }

 private:
  Connection& connection_;
  const bool chunked_;
};

void Connection::run_handler() {
  asio::post(context_.io, [self = shared_from_this()] {
    if (self->phase_ == Phase::kWaiting) {
      self->phase_ = Phase::kHandling;
      self->timer_.cancel();
      self->deadline_ = std::chrono::steady_clock::time_point::max();
    }
  });
  const std::shared_ptr<Request> request = request_;
  {
    Response response = answer(route_->handler, *request);
    if (auto refusal = not_acceptable(response, *request)) {
      response = std::move(*refusal);
    }
    try {
      if (response.file) {
        send_file(response);
      } else if (response.stream) {
        send_stream(response);
      } else {
        send_body(std::move(response));
      }
    } catch (const base::Error& error) {
      send_body(error_response(error));
    }
  }
  *request->on_cancel = nullptr;
}

std::string Connection::head_of(
    int status, const Headers& headers, const ResponseFraming& framing) const {
  if (request_->answer_headers.empty()) {
    return response_head(status, headers, framing, request_->request_id);
  }
  Headers all = request_->answer_headers;
  for (const auto& [name, value] : headers) {
    const auto [entry, is_new] = all.emplace(name, value);
    if (!is_new) {
      entry->second = name == "Vary" ? entry->second + ", " + value : value;
    }
  }
  return response_head(status, all, framing, request_->request_id);
}

void Connection::send_body(Response response) {
  remove_upload(*request_);
  shape(response);  // before it is packed: a packed body is no error that could be read
  pack(response, *request_);
  asio::post(context_.io, [self = shared_from_this(), response = std::move(response)]() mutable {
    self->write_answer(std::move(response));
  });
}

void Connection::send_file(const Response& plan) {
  const FileAnswer file = plan_file(plan, *request_);
  if (file.status == 416 || file.status == 304) {
    Response small;
    small.status = file.status;
    small.headers = file.headers;
    small.body = file.body;
    send_body(std::move(small));
    return;
  }
  ResponseFraming framing;
  framing.content_length = file.length;
  framing.http_1_0 = http_1_0_;
  framing.keep_alive = keep_alive_;
  status_ = file.status;
  bool intact = write_and_wait(head_of(file.status, file.headers, framing), {}, {});
  std::string piece(kFilePieceBytes, '\0');
  std::uint64_t done = request_->method == "HEAD" ? file.length : 0;
  while (intact && done < file.length) {
    const auto want = std::min<std::uint64_t>(piece.size(), file.length - done);
    const ssize_t got =
        ::pread(file.file.number(), piece.data(), want, static_cast<off_t>(file.offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {  // the file shrank or cannot be read: the client must see a broken answer
      obs::log::error("file_cut_short", {{"request_id", request_->request_id}});
      intact = false;
      break;
    }
    sent_bytes_ += static_cast<std::uint64_t>(got);
    done += static_cast<std::uint64_t>(got);
    intact = write_and_wait({piece.data(), static_cast<std::size_t>(got)}, {}, {});
  }
  finish_from_handler(intact);
}

void Connection::send_stream(const Response& response) {
  const bool head_only = request_->method == "HEAD";
  ResponseFraming framing;
  framing.chunked = !http_1_0_;
  framing.http_1_0 = http_1_0_;
  framing.keep_alive = keep_alive_ && !http_1_0_;  // the end of an HTTP/1.0 stream is the close
  status_ = response.status;
  bool intact = write_and_wait(head_of(response.status, response.headers, framing), {}, {});
  if (intact && !head_only) {
    StreamWriter writer(*this, framing.chunked);
    try {
      response.stream(writer);
    } catch (const std::exception& error) {
      intact = false;
      if (!gone_) {
        obs::log::error(
            "stream_failed",
            {{"request_id", request_->request_id},
             {"route", request_->route},
             {"error", error.what()}});
      }
    }
    if (intact && framing.chunked) {
      intact = write_and_wait("0\r\n\r\n", {}, {});
    }
  }
  if (http_1_0_) {
    keep_alive_ = false;
  }
  finish_from_handler(intact);
}

void Connection::finish_from_handler(bool complete) {
  remove_upload(*request_);
  asio::post(context_.io, [self = shared_from_this(), complete] {
    if (complete && self->phase_ != Phase::kClosed) {
      self->finish_answer();
      return;
    }
    self->record(self->gone_ ? 499 : self->status_);
    self->close();
  });
}

bool Connection::write_and_wait(
    std::string_view first, std::string_view second, std::string_view third) {
  // Shared: get() may return while set_value() still touches the promise.
  auto done = std::make_shared<std::promise<bool>>();
  auto result = done->get_future();
  asio::post(context_.io, [self = shared_from_this(), first, second, third, done] {
    if (self->phase_ == Phase::kClosed) {
      done->set_value(false);
      return;
    }
    self->deadline(self->context_.options.write_timeout);
    const std::array<asio::const_buffer, 3> buffers{
        asio::buffer(first.data(), first.size()),
        asio::buffer(second.data(), second.size()),
        asio::buffer(third.data(), third.size())};
    asio::async_write(self->stream_, buffers, [self, done](ErrorCode error, std::size_t /*bytes*/) {
      self->timer_.cancel();
      self->deadline_ = std::chrono::steady_clock::time_point::max();
      if (error) {
        self->client_gone();
      }
      done->set_value(!error);
    });
  });
  return result.get();
}

void Connection::shape(Response& response) const {
  if (response.status >= 400 && context_.options.shape_error) {
    context_.options.shape_error(*request_, response);
  }
}

void Connection::respond(Response response) {
  if (phase_ != Phase::kClosed) {
    shape(response);
  }
  write_answer(std::move(response));
}

void Connection::write_answer(Response response) {
  if (phase_ == Phase::kClosed) {
    record(499);
    return;
  }
  phase_ = Phase::kHandling;
  ResponseFraming framing;
  framing.http_1_0 = http_1_0_;
  framing.keep_alive = keep_alive_ && !*context_.stopping;
  keep_alive_ = framing.keep_alive;
  if (!body_is_forbidden(response.status)) {
    const bool unmade = request_->method == "HEAD" && response.body_size.has_value();
    framing.content_length = unmade ? *response.body_size : response.body.size();
  }
  status_ = response.status;
  head_bytes_ = head_of(response.status, response.headers, framing);
  const bool send = !body_is_forbidden(response.status) && request_->method != "HEAD";
  body_bytes_ = send ? std::move(response.body) : std::string();
  sent_bytes_ = body_bytes_.size();
  const std::array<asio::const_buffer, 2> buffers{
      asio::buffer(head_bytes_), asio::buffer(body_bytes_)};
  deadline(context_.options.write_timeout);
  asio::async_write(
      stream_,
      buffers,
      // Called after each piece that the socket took: progress moves the deadline.
      [this](ErrorCode error, std::size_t /*bytes*/) -> std::size_t {
        if (error) {
          return 0;
        }
        deadline(context_.options.write_timeout);
        return 1U << 20U;
      },
      [self = shared_from_this()](ErrorCode error, std::size_t /*bytes*/) {
        if (error) {
          self->record(499);
          self->close();
          return;
        }
        self->finish_answer();
      });
}

void Connection::refuse_request(Response response) {
  keep_alive_ = false;
  unread_ = true;
  respond(std::move(response));
}

void Connection::finish_answer() {
  record(status_);
  if (phase_ == Phase::kClosed) {
    return;
  }
  if (keep_alive_ && (!peer_closed_ || buffer_.size() > 0)) {
    gone_ = false;
    next_request();
    return;
  }
  linger();
}

void Connection::client_gone() {
  if (gone_.exchange(true) || !request_) {
    return;
  }
  *request_->cancelled = true;
  request_->on_cancel->fire();
}

// Closing with unread input makes the system send a reset, which may overtake the answer.
void Connection::linger() {
  if (!unread_ && buffer_.size() == 0) {
    close();
    return;
  }
  phase_ = Phase::kLinger;
  ErrorCode error;
  if (!stream_.is_tls()) {  // there the end of the answer must do: a half-closed TLS reads no more
    stream_.socket().shutdown(  // NOLINT(bugprone-unused-return-value)
        Transport::Socket::shutdown_send,
        error);
  }
  if (error || peer_closed_) {
    close();
    return;
  }
  lingered_ = 0;
  buffer_.clear();
  deadline(std::chrono::seconds(5));
  read_more();
}

void Connection::record(int status) {
  if (!request_) {
    return;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  if (context_.options.access_log) {
    log_access(*request_, status, seconds, sent_bytes_);
  }
  if (context_.options.on_finish) {
    context_.options.on_finish(
        Access{request_->method, request_->route, status, seconds, sent_bytes_, request_.get()});
  }
}

}  // namespace hub::api
