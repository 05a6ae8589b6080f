#include "api/server/listener.h"

#include <chrono>
#include <cstring>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/error.h"

// Asio returns the error that it also stores in the argument.
// NOLINTBEGIN(bugprone-unused-return-value)

namespace hub::api {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kSocketPathLimit = sizeof(sockaddr_un::sun_path) - 1;

asio::ip::address parse_address(const Server::Address& address) {
  error_code error;
  const auto parsed = asio::ip::make_address(address.host, error);
  if (error) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("'{}' is no IP address such as 127.0.0.1 or ::1", address.host));
  }
  return parsed;
}

std::string url(std::string_view scheme, const asio::ip::address& address, std::uint16_t port) {
  return address.is_v6() ? fmt::format("{}://[{}]:{}", scheme, address.to_string(), port)
                         : fmt::format("{}://{}:{}", scheme, address.to_string(), port);
}

[[noreturn]] void fail(const std::string& endpoint, const error_code& error) {
  const bool taken = error == asio::error::address_in_use;
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format(
          "cannot listen on {}: {}",
          endpoint,
          taken ? std::string("the address is in use by another program") : error.message()),
      {},
      taken ? "address_in_use" : "cannot_listen");
}

// A socket file that nobody listens on any more is in the way of bind().
void remove_stale_socket(asio::io_context& io, const std::filesystem::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return;
  }
  asio::local::stream_protocol::socket probe(io);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path.string()), error);
  if (error == asio::error::connection_refused) {
    ::unlink(path.c_str());
  }
}

}  // namespace

Listener::Listener(asio::io_context& io, const Server::Address& address, std::string_view scheme)
    : acceptor_(io), retry_(io) {
  const asio::ip::address ip = parse_address(address);
  const asio::ip::tcp::endpoint wanted(ip, address.port);
  endpoint_ = url(scheme, ip, address.port);
  error_code error;
  acceptor_.open(Protocol(wanted.protocol()), error);
  if (!error) {
    acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error && ip.is_v6()) {
    acceptor_.set_option(asio::ip::v6_only(true), error);
  }
  if (!error) {
    acceptor_.bind(wanted, error);
  }
  if (!error) {
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    fail(endpoint_, error);
  }
  const auto bound = acceptor_.local_endpoint();
  asio::ip::tcp::endpoint real;
  std::memcpy(real.data(), bound.data(), bound.size());
  port_ = real.port();
  endpoint_ = url(scheme, ip, port_);
}

Listener::Listener(asio::io_context& io, const std::filesystem::path& socket_path)
    : acceptor_(io), retry_(io), endpoint_("unix:" + socket_path.string()) {
  if (socket_path.string().size() > kSocketPathLimit) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "the socket path {} has {} bytes, at most {} are possible",
            socket_path.string(),
            socket_path.string().size(),
            kSocketPathLimit));
  }
  remove_stale_socket(io, socket_path);
  const asio::local::stream_protocol::endpoint wanted(socket_path.string());
  error_code error;
  acceptor_.open(Protocol(wanted.protocol()), error);
  if (!error) {
    acceptor_.bind(wanted, error);
  }
  if (!error) {
    socket_path_ = socket_path;
    ::chmod(socket_path.c_str(), 0600);  // NOLINT: the folder is private, too
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    fail(endpoint_, error);
  }
}

Listener::~Listener() {
  close();
}

void Listener::accept(OnAccept on_accept) {
  on_accept_ = std::move(on_accept);
  accept_next();
}

void Listener::accept_next() {
  acceptor_.async_accept([this](error_code error, Socket socket) {
    if (!acceptor_.is_open()) {
      return;
    }
    if (!error) {
      on_accept_(std::move(socket));
      accept_next();
      return;
    }
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](error_code cancelled) {
      if (!cancelled && acceptor_.is_open()) {
        accept_next();
      }
    });
  });
}

void Listener::close() {
  error_code ignored;
  retry_.cancel();
  if (acceptor_.is_open()) {
    acceptor_.close(ignored);
    if (!socket_path_.empty()) {
      ::unlink(socket_path_.c_str());
    }
  }
}

bool address_is_missing(const Server::Address& address) {
  asio::io_context io;
  const asio::ip::tcp::endpoint any(parse_address(address), 0);
  asio::ip::tcp::socket probe(io);
  error_code error;
  probe.open(any.protocol(), error);
  if (!error) {
    probe.bind(any, error);
  }
  return static_cast<bool>(error);
}

}  // namespace hub::api

// NOLINTEND(bugprone-unused-return-value)
