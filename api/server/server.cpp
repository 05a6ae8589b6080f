#include "api/server/server.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include "api/server/connection.h"
#include "api/server/handler_pool.h"
#include "api/server/listener.h"
#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

// With port 0 all addresses shall get the same port: the second one may be taken by chance.
constexpr int kPortAttempts = 20;

void check_loopback(const Server::Options& options) {
  for (const Server::Address& address : options.addresses) {
    boost::system::error_code error;
    const auto ip = asio::ip::make_address(address.host, error);
    if (!error && !ip.is_loopback() && !options.allow_non_loopback) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "refusing to listen on {}: only loopback addresses (127.0.0.1, ::1) are possible "
              "without API keys",
              address.host),
          "host",
          "not_loopback");
    }
  }
}

}  // namespace

class Server::Impl {
 public:
  Impl(Options options, Router router)
      : options_(std::move(options)),
        router_(std::move(router)),
        tls_(options_.tls ? std::make_unique<TlsContext>(*options_.tls) : nullptr),
        handlers_(options_.max_handlers, options_.max_waiting),
        context_{
            options_,
            router_,
            io_,
            handlers_,
            disk_,
            tls_.get(),
            stopping_,
            active_requests_,
            [this](const std::shared_ptr<Connection>& connection) { remove(connection); }} {
    check_loopback(options_);
  }

  void start() {
    listen();
    for (const auto& listener : listeners_) {
      const bool tls = tls_ != nullptr && !listener->is_local();
      listener->accept([this, tls](Listener::Socket socket) { add(std::move(socket), tls); });
    }
    thread_ = std::thread([this] { run(); });
  }

  void stop(std::chrono::milliseconds drain) {
    if (!thread_.joinable()) {
      return;
    }
    *stopping_ = true;
    {
      const std::lock_guard lock(mutex_);
      empty_ = false;  // until the I/O thread has counted: connections may have come since
    }
    asio::post(io_, [this] {
      for (const auto& listener : listeners_) {
        listener->close();
      }
      for (const auto& connection : std::set(connections_)) {
        connection->drain();
      }
      note_count();
    });
    if (!wait_until_empty(drain)) {
      asio::post(io_, [this] { abort_all(); });
    }
    handlers_.stop();
    disk_.join();
    asio::post(io_, [this] {  // after what the last handlers posted
      abort_all();
      io_.stop();
    });
    thread_.join();
  }

  [[nodiscard]] std::vector<std::string> endpoints() const {
    std::vector<std::string> all;
    all.reserve(listeners_.size());
    for (const auto& listener : listeners_) {
      all.push_back(listener->endpoint());
    }
    return all;
  }

  [[nodiscard]] std::int64_t active_requests() const { return *active_requests_; }

  [[nodiscard]] std::uint16_t port() const {
    return listeners_.empty() ? std::uint16_t{0} : listeners_.front()->port();
  }

 private:
  void listen() {
    for (int attempt = 1;; ++attempt) {
      try {
        listen_once();
        return;
      } catch (const base::Error& error) {
        const bool by_chance = error.reason() == "address_in_use" && !listeners_.empty() &&
                               !options_.addresses.empty() && options_.addresses.front().port == 0;
        listeners_.clear();
        if (!by_chance || attempt == kPortAttempts) {
          throw;
        }
      }
    }
  }

  void listen_once() {
    std::uint16_t chosen = 0;
    for (Address address : options_.addresses) {
      if (address.port == 0) {
        address.port = chosen;
      }
      if (address.optional && address_is_missing(address)) {
        continue;
      }
      listeners_.push_back(std::make_unique<Listener>(io_, address, tls_ ? "https" : "http"));
      chosen = listeners_.back()->port();
    }
    if (!options_.addresses.empty() && listeners_.empty()) {
      throw base::Error(
          base::ErrorCode::kUnavailable, "this machine has none of the addresses to listen on");
    }
    if (!options_.socket_path.empty()) {
      listeners_.push_back(std::make_unique<Listener>(io_, options_.socket_path));
    }
  }

  void run() {
    while (true) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {  // our mistake: the other connections live on
        obs::log::error("server_io_failed", {{"error", error.what()}});
      }
    }
  }

  void add(Listener::Socket socket, bool tls) {
    auto connection = std::make_shared<Connection>(std::move(socket), context_);
    const bool full = connections_.size() >= options_.max_connections;
    connections_.insert(connection);
    full || *stopping_ ? connection->refuse() : connection->start(tls);
  }

  void remove(const std::shared_ptr<Connection>& connection) {
    connections_.erase(connection);
    note_count();
  }

  void note_count() {
    {
      const std::lock_guard lock(mutex_);
      empty_ = connections_.empty();
    }
    changed_.notify_all();
  }

  void abort_all() {
    for (const auto& connection : std::set(connections_)) {
      connection->abort();
    }
  }

  bool wait_until_empty(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return empty_; });
  }

  const Options options_;
  const Router router_;
  // In this order: connections refer to all of it and die with io_'s pending work.
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  std::condition_variable changed_;
  bool empty_ = false;  // guarded by mutex_; meaningful once stopping
  std::shared_ptr<std::atomic<std::int64_t>> active_requests_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::thread_pool disk_{1};
  const std::unique_ptr<TlsContext> tls_;
  HandlerPool handlers_;
  ConnectionContext context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::set<std::shared_ptr<Connection>> connections_;  // the I/O thread's
  std::thread thread_;
};

Server::Server(Options options, Router router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}

Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

void Server::start() {
  impl_->start();
}

void Server::stop(std::chrono::milliseconds drain) {
  impl_->stop(drain);
}

std::vector<std::string> Server::endpoints() const {
  return impl_->endpoints();
}

std::int64_t Server::active_requests() const {
  return impl_->active_requests();
}

std::uint16_t Server::port() const {
  return impl_->port();
}

}  // namespace hub::api
