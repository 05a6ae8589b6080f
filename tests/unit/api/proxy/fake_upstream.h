#pragma once

#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hub::test {

// One accepted connection of a worker that is not there.
class UpstreamPeer {
 public:
  explicit UpstreamPeer(int socket) : socket_(socket) {}
  ~UpstreamPeer() { ::close(socket_); }
  UpstreamPeer(const UpstreamPeer&) = delete;
  UpstreamPeer& operator=(const UpstreamPeer&) = delete;

  void send(std::string_view bytes) const {
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // The request up to the end of its head, or of its body when that is given by length.
  std::string read_request() {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos && receive(request)) {
    }
    const std::size_t field = request.find("Content-Length: ");
    const std::size_t head = request.find("\r\n\r\n") + 4;
    const std::size_t size =
        field == std::string::npos ? 0 : std::stoul(request.substr(field + 16));
    while (request.size() < head + size && receive(request)) {
    }
    return request;
  }
  // True when the other side ends within ten seconds.
  bool wait_for_end() {
    std::string rest;
    while (receive(rest)) {
    }
    return ended_;
  }

 private:
  bool receive(std::string& into) {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) {
      return false;
    }
    std::array<char, 4096> piece{};
    const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    into.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  bool ended_ = false;
};

// Listens on a Unix socket and plays the script for each client, one after the other. When the
// script returns, the connection is cut.
class FakeUpstream {
 public:
  FakeUpstream(const std::filesystem::path& path, std::function<void(UpstreamPeer&)> script) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener_, 16) != 0) {
      throw std::runtime_error("cannot listen on " + path.string());
    }
    thread_ = std::thread([this, script = std::move(script)] {
      while (true) {
        const int accepted = ::accept(listener_, nullptr, nullptr);
        if (accepted < 0) {
          return;
        }
        UpstreamPeer peer(accepted);
        script(peer);
      }
    });
  }
  ~FakeUpstream() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

 private:
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace hub::test
