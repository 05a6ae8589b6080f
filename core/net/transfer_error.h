#pragma once

#include <string>

#include "core/net/http_client.h"

namespace hub::net {

// "http://127.0.0.1:8000" of a longer URL without credentials, or the socket's path: what a message
// names.
std::string destination(const HttpRequest& request);

// Throws what HttpClient::send() promises for libcurl's result `code` (a CURLcode). `detail` is
// libcurl's own text or "", `system_error` the errno of a failed connect.
[[noreturn]] void throw_transfer_error(
    const HttpRequest& request, int code, const char* detail, long system_error);

}  // namespace hub::net
