#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hub::test {

// A socket that sends exactly what a test says and shows exactly what comes back.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  explicit RawClient(const std::string& socket_path) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
    connect_to(reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the other side does not take it.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // What has come until `needle` is in it; all that came when the other side ends first. Throws
  // after ten seconds of silence.
  std::string read_until(std::string_view needle) {
    std::size_t searched = 0;  // the needle is not before it
    std::size_t found = std::string::npos;
    while ((found = received_.find(needle, searched)) == std::string::npos) {
      searched = received_.size() - std::min(received_.size(), needle.size() - 1);
      if (!receive()) {
        break;
      }
    }
    const std::size_t size = found == std::string::npos ? received_.size() : found + needle.size();
    std::string text = received_.substr(0, size);
    received_.erase(0, size);
    return text;
  }

  std::string read_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }

  // One answer with Content-Length: head and body.
  std::string read_answer() {
    std::string answer = read_until("\r\n\r\n");
    const std::size_t field = answer.find("Content-Length: ");
    if (field == std::string::npos) {
      return answer;
    }
    const std::size_t size = std::stoul(answer.substr(field + 16));
    while (received_.size() < size && receive()) {
    }
    answer += received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }

  void finish_sending() const { ::shutdown(socket_, SHUT_WR); }
  // The other side sees a reset, not an orderly end.
  void reset() {
    const linger abrupt{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    close();
  }
  void close() {
    if (socket_ >= 0) {
      ::close(socket_);
      socket_ = -1;
    }
  }

 private:
  void connect_to(const sockaddr* address, socklen_t size) const {
    if (::connect(socket_, address, size) != 0) {
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    }
  }

  bool receive() {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) {
      throw std::runtime_error("ten seconds without a byte; so far: " + received_);
    }
    std::array<char, 65536> piece{};
    const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got <= 0) {
      return false;
    }
    received_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  int socket_ = -1;
  std::string received_;
};

}  // namespace hub::test
