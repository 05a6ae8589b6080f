#include "api/server/access_log.h"

#include <array>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/obs/log.h"

namespace hub::api {
namespace {

constexpr std::size_t kLongestPath = 500;
constexpr std::size_t kLongestAgent = 200;

std::string_view model_of(const Request& request) {
  const auto named = request.params.find("model");
  return request.model.empty() && named != request.params.end() ? std::string_view(named->second)
                                                                : request.model;
}

bool is_probe(std::string_view route) {
  return route == "/healthz" || route == "/readyz" || route == "/metrics";
}

}  // namespace

std::string address_text(const sockaddr* address, std::size_t bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* number = nullptr;
  if (address->sa_family == AF_INET && bytes >= sizeof(sockaddr_in)) {
    number = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  } else if (address->sa_family == AF_INET6 && bytes >= sizeof(sockaddr_in6)) {
    number = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  }
  const bool told = number != nullptr &&
                    ::inet_ntop(address->sa_family, number, text.data(), text.size()) != nullptr;
  return told ? text.data() : "";
}

void log_access(const Request& request, int status, double seconds, std::uint64_t sent_bytes) {
  namespace log = obs::log;
  const auto level = is_probe(request.route) ? log::Level::kDebug : log::Level::kInfo;
  if (level < log::level()) {
    return;
  }
  const std::string agent = request.header("User-Agent").substr(0, kLongestAgent);
  log::write(
      level,
      "http_request",
      {{"request_id", request.request_id},
       {"trace_id", log::if_any(request.trace_id)},
       {"method", request.method},
       {"path", std::string_view(request.path).substr(0, kLongestPath)},
       {"route", request.route},
       {"status", status},
       {"seconds", seconds},
       {"bytes", sent_bytes},
       {"client", log::if_any(request.client)},
       {"key_id", log::if_any(request.key_id)},
       {"user_agent", log::if_any(agent)},
       {"model", log::if_any(model_of(request))}});
}

}  // namespace hub::api
