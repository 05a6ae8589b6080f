#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace hub::api {

// The bytes of one connection: those of its socket or, once it has taken a handshake up, those
// inside of TLS. What Asio calls AsyncReadStream and AsyncWriteStream. One thread.
class Transport {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;
  using ErrorCode = boost::system::error_code;

  explicit Transport(Socket socket) : socket_(std::move(socket)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }
  [[nodiscard]] bool is_tls() const { return tls_.has_value(); }

  // As the server's side of TLS. `begun`: what was read already, and stays where it is until
  // `handler(ErrorCode, std::size_t)` is called.
  template <typename Handler>
  void async_handshake(
      boost::asio::ssl::context& context, std::string_view begun, Handler&& handler) {
    tls_.emplace(socket_, context);
    tls_->async_handshake(
        boost::asio::ssl::stream_base::server,
        boost::asio::buffer(begun.data(), begun.size()),
        std::forward<Handler>(handler));
  }

  // Tells the client that nothing more comes (close_notify), only inside of TLS; ends when the
  // client has said so, too.
  template <typename Handler>
  void async_shutdown(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) {
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
    }
  }

  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) {
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }
  }

 private:
  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
};

}  // namespace hub::api
