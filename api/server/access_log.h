#pragma once

#include <cstdint>
#include <string>

#include <sys/socket.h>

#include "api/server/http.h"

namespace hub::api {

// "127.0.0.1", "::1"; "" for a Unix socket.
std::string address_text(const sockaddr* address, std::size_t bytes);

// The one line that each answered request has: `http_request`. At debug for those that only ask
// whether the server is well (/healthz, /readyz, /metrics), else at info. Never bodies, queries or
// keys.
void log_access(const Request& request, int status, double seconds, std::uint64_t sent_bytes);

}  // namespace hub::api
