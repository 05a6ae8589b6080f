#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/server/server.h"

namespace hub::api {

// One listening socket. Belongs to the I/O thread once accepting.
class Listener {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using OnAccept = std::function<void(Socket)>;

  // Binds. Throw base::Error: kUnavailable (in use, not permitted), kInvalidArgument (no IP
  // address, socket path too long).
  // `scheme`: how the address is told, "http" or "https".
  Listener(
      boost::asio::io_context& io,
      const Server::Address& address,
      std::string_view scheme = "http");
  Listener(boost::asio::io_context& io, const std::filesystem::path& socket_path);
  ~Listener();  // removes the socket file
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Calls back for each client until close(). Out of descriptors: waits and tries again.
  void accept(OnAccept on_accept);
  void close();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] bool is_local() const { return !socket_path_.empty(); }  // a Unix socket

 private:
  using Protocol = boost::asio::generic::stream_protocol;
  void accept_next();

  boost::asio::basic_socket_acceptor<Protocol> acceptor_;
  boost::asio::steady_timer retry_;
  std::filesystem::path socket_path_;
  std::uint16_t port_ = 0;
  std::string endpoint_;
  OnAccept on_accept_;
};

// True when this machine lacks the address's family or the address itself.
bool address_is_missing(const Server::Address& address);

}  // namespace hub::api
