#include "core/net/transfer_error.h"

#include <cerrno>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::net {

std::string destination(const HttpRequest& request) {
  if (!request.unix_socket.empty()) {
    return request.unix_socket.string();
  }
  const std::size_t scheme = request.url.find("://");
  const std::size_t slash = request.url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  std::string base = request.url.substr(0, slash);
  const std::size_t at = base.rfind('@');  // credentials stay out of messages
  return at == std::string::npos || scheme == std::string::npos
             ? base
             : base.substr(0, scheme + 3) + base.substr(at + 1);
}

void throw_transfer_error(
    const HttpRequest& request, int code, const char* detail, long system_error) {
  using base::ErrorCode;
  const std::string where = destination(request);
  const std::string text =
      *detail != '\0' ? detail : curl_easy_strerror(static_cast<CURLcode>(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      throw base::Error(
          ErrorCode::kInvalidArgument, fmt::format("'{}' is no http or https URL", request.url));
    case CURLE_COULDNT_CONNECT:
      if (system_error == ECONNREFUSED || system_error == ENOENT) {
        throw base::Error(
            ErrorCode::kUnavailable,
            fmt::format("cannot reach {}: connection refused", where),
            {},
            "connection_refused");
      }
      break;
    case CURLE_OPERATION_TIMEDOUT:
      throw base::Error(
          ErrorCode::kUnavailable,
          fmt::format("cannot reach {}: no answer in time", where),
          {},
          "timeout");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      throw base::Error(
          ErrorCode::kUnavailable,
          fmt::format("{} cannot be trusted: {}", where, text),
          {},
          "untrusted");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      throw base::Error(
          ErrorCode::kUnavailable,
          fmt::format("{} ended the connection before its answer was complete", where),
          {},
          "connection_lost");
    case CURLE_READ_ERROR:
      throw base::Error(
          ErrorCode::kInvalidArgument, fmt::format("cannot read the file to send: {}", text));
    default:
      break;
  }
  throw base::Error(
      ErrorCode::kUnavailable, fmt::format("cannot reach {}: {}", where, text), {}, "unreachable");
}

}  // namespace hub::net
