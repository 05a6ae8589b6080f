// What is made of a request's headers: the guard, ranges and conditions of files, dates, and that
// no value can add a header to an answer. The input is header lines.
#include <string>

#include "api/server/file_answer.h"
#include "api/server/guard.h"
#include "api/server/response_head.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {
namespace {

constexpr std::size_t kFileBytes = 100;

api::Request request_of(std::string_view lines) {
  api::Request request;
  request.method = "GET";
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = std::min(line.find(": "), line.size());
    request.headers.insert_or_assign(
        std::string(line.substr(0, colon)),
        std::string(line.substr(std::min(colon + 2, line.size()))));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return request;
}

void check_file(const api::Request& request) {
  static const MemoryFile file(std::string(kFileBytes, 'x'));
  api::Response response;
  response.file = file.path().string();
  const api::FileAnswer answer = api::plan_file(response, request);
  require(answer.length <= kFileBytes, "no more is sent than there is");
  require(answer.offset <= kFileBytes - answer.length, "and from inside the file");
  require(answer.status != 206 || answer.length > 0, "a part is not empty");
}

void check_head(const api::Request& request) {
  api::Headers headers = request.headers;
  const std::string head = api::response_head(200, headers, {.content_length = 3}, "id");
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = head.find('\n', at)) != std::string::npos; ++at) {
    ++lines;
  }
  require(head.ends_with("\r\n\r\n"), "a head ends");
  require(head.find("\r\n\r\n") == head.size() - 4, "and ends once");
  // The status line, Date, Connection, Content-Length, the request id, the empty line.
  require(lines <= headers.size() + 6, "no value makes a line");
}

}  // namespace

void run(std::string_view input) {
  static const api::Guard guard({.allowed_hosts = {"hub.example.org"}, .allowed_origins = {}});
  static const api::Guard open_guard(
      {.allowed_hosts = {}, .any_address = true, .allowed_origins = {"https://app.example.org"}});
  api::Request request = request_of(input);
  for (const char* method : {"GET", "POST"}) {
    request.method = method;
    accepts([&] { guard.check(request); });
    accepts([&] { open_guard.check(request); });
    static_cast<void>(open_guard.cors_headers(request));
  }
  request.method = "GET";
  check_file(request);
  check_head(request);
  if (const auto time = api::parse_http_date(input)) {
    require(api::parse_http_date(api::http_date(*time)) == time, "a date survives");
  }
}

}  // namespace hub::fuzz
