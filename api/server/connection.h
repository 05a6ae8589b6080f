#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "api/server/admission.h"
#include "api/server/handler_pool.h"
#include "api/server/http.h"
#include "api/server/response_head.h"
#include "api/server/router.h"
#include "api/server/server.h"
#include "api/server/tls_context.h"
#include "api/server/transport.h"
#include "api/server/upload.h"

namespace hub::api {

namespace asio = boost::asio;

// What all connections of a server share. Lives longer than every connection.
struct ConnectionContext {
  const Server::Options& options;
  const Router& router;
  asio::io_context& io;
  HandlerPool& handlers;
  asio::thread_pool& disk;  // one thread: what uploads write
  TlsContext* tls;          // null: no TLS
  std::shared_ptr<std::atomic<bool>> stopping;
  std::shared_ptr<std::atomic<std::int64_t>> active_requests;
  std::function<void(const std::shared_ptr<class Connection>&)> on_closed;  // on the I/O thread
};

// One client's connection: reads a request, has it handled on a pool thread, writes the answer, and
// starts again. All members belong to the I/O thread except where noted; the handler thread talks
// to it by posting. While a handler runs, one read stays outstanding: it keeps pipelined bytes
// (bounded) and notices that the client is gone.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Transport::Socket socket, ConnectionContext& context);

  // `tls`: the client must begin with a handshake, and is told so in plain HTTP if it does not.
  void start(bool tls);
  // Answers 503 at once and closes: too many connections.
  void refuse();
  // Idle: closes. Otherwise the request in flight is the last one.
  void drain();
  // As if the client had gone.
  void abort();

 private:
  friend class StreamWriter;
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  using ErrorCode = boost::system::error_code;
  enum class Phase : std::uint8_t {
    kHandshake,  // of TLS
    kIdle,       // between requests
    kHead,       // some bytes of a head are here
    kBody,       // reading a body
    kStoring,    // an upload's piece is being written to disk
    kWaiting,    // for a handler thread
    kHandling,   // a handler runs, or its answer is being written
    kLinger,     // answered; swallowing what the client still sends, so that it reads the answer
    kClosed,
  };

  // connection.cpp: life and input
  void next_request();
  void read_more();
  void on_read(ErrorCode error, std::size_t bytes);
  void on_late_request();
  void on_peer_closed(ErrorCode error);
  void on_input();
  void dispatch();
  void deadline(std::chrono::milliseconds time);
  void on_deadline();
  void close();
  void close_socket();

  // connection_tls.cpp
  void begin_tls();
  void on_first_bytes(std::size_t bytes);
  void on_handshake(ErrorCode error);
  void say_goodbye();

  // connection_request.cpp: reading a request
  void parse_head();
  void new_request();
  HeadFacts take_head();
  void on_head();
  void start_body();
  void parse_body();
  void body_deadline();
  void store(std::string_view bytes, bool last);

  // connection_answer.cpp: answering
  [[nodiscard]] std::string head_of(
      int status, const Headers& headers, const ResponseFraming& framing) const;
  void run_handler();                          // handler thread
  void send_body(Response response);           // handler thread
  void send_file(const Response& plan);        // handler thread
  void send_stream(const Response& response);  // handler thread
  void finish_from_handler(bool complete);     // handler thread
  // Writes all three on the I/O thread and waits; false when the client is gone. Handler thread.
  bool write_and_wait(std::string_view first, std::string_view second, std::string_view third);
  void shape(Response& response) const;    // an error, once: whoever the request belongs to
  void respond(Response response);         // without a handler
  void write_answer(Response response);    // a complete one, shaped
  void refuse_request(Response response);  // and nothing more is read from this client
  void finish_answer();
  void client_gone();
  void linger();
  void record(int status);

  Transport stream_;
  ConnectionContext& context_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point deadline_;
  std::vector<char> inbox_;           // what one read fills; small between bodies
  boost::beast::flat_buffer buffer_;  // read, not yet parsed
  std::optional<Parser> parser_;
  std::vector<char> piece_;  // of a body; empty without one
  Phase phase_ = Phase::kIdle;
  bool reading_ = false;
  bool peer_closed_ = false;  // the client sends nothing more
  bool timed_out_ = false;
  bool unread_ = false;  // answered before the request was read to its end
  std::uint64_t lingered_ = 0;
  std::uint64_t received_ = 0;                        // of the body
  std::chrono::steady_clock::time_point body_began_;  // later by what our disk took
  std::string client_;                                // Request::client

  // The request in flight. `request_` is the handler thread's while phase_ is kHandling, but for
  // its shared flags.
  std::shared_ptr<Request> request_;
  BodyPlan body_plan_ = BodyPlan::kNone;
  const Route* route_ = nullptr;
  std::unique_ptr<UploadSink> upload_;          // the disk thread's while phase_ is kStoring
  std::shared_ptr<std::atomic<bool>> claimed_;  // by the handler thread or the waiting timeout
  bool http_1_0_ = false;
  std::atomic<bool> gone_{false};       // any thread
  std::atomic<bool> keep_alive_{true};  // any thread
  std::chrono::steady_clock::time_point started_;
  int status_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::string head_bytes_;  // of the answer being written
  std::string body_bytes_;
};

}  // namespace hub::api
