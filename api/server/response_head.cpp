#include "api/server/response_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace hub::api {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 33> kReasons{{
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
}};

bool is_framing(const std::string& name) {
  static const Headers own{
      {"Connection", ""},
      {"Content-Length", ""},
      {"Date", ""},
      {"Keep-Alive", ""},
      {"Transfer-Encoding", ""},
      {"X-Request-Id", ""}};
  return own.contains(name);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  const auto clean = [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return (byte < 0x20U && letter != '\t') || byte == 0x7FU ? ' ' : letter;
  };
  std::transform(name.begin(), name.end(), std::back_inserter(out), clean);
  out += ": ";
  std::transform(value.begin(), value.end(), std::back_inserter(out), clean);
  out += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const auto& [known, reason] : kReasons) {
    if (known == status) {
      return reason;
    }
  }
  return "Status";
}

std::string http_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  return ::timegm(&parts);
}

std::string response_head(
    int status,
    const Headers& headers,
    const ResponseFraming& framing,
    std::string_view request_id) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  for (const auto& [name, value] : headers) {
    if (!is_framing(name)) {
      append_header(out, name, value);
    }
  }
  append_header(out, "X-Request-Id", request_id);
  append_header(out, "Date", http_date(std::time(nullptr)));
  if (!headers.contains("X-Content-Type-Options")) {
    append_header(out, "X-Content-Type-Options", "nosniff");
  }
  if (framing.content_length) {
    append_header(out, "Content-Length", std::to_string(*framing.content_length));
  }
  if (framing.chunked) {
    append_header(out, "Transfer-Encoding", "chunked");
  }
  if (!framing.keep_alive) {
    append_header(out, "Connection", "close");
  } else if (framing.http_1_0) {
    append_header(out, "Connection", "keep-alive");
  }
  out += "\r\n";
  return out;
}

}  // namespace hub::api
