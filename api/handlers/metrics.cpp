#include "api/handlers/metrics.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace hub::api {
namespace {

const std::vector<double> kDurationBounds{
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60};
constexpr std::array<std::string_view, 7> kMethods{
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// A client may send any word: what is none of HTTP's is "_OTHER", as OpenTelemetry calls it.
std::string method_label(const std::string& method) {
  const bool known = std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
  return known ? method : "_OTHER";
}

}  // namespace

HttpMetrics::HttpMetrics(obs::Metrics& metrics)
    : duration_(metrics.histogram(
          "http_server_request_duration_seconds",
          "From the first byte of a request to the last of its answer",
          kDurationBounds)),
      body_bytes_(metrics.counter(
          "http_server_response_body_bytes_total", "Bytes of answers' bodies that were sent")) {}

void HttpMetrics::finished(const Access& access) {
  duration_.observe(
      {{"http_request_method", method_label(access.method)},
       {"http_route", access.route},
       {"http_response_status_code", std::to_string(access.status)}},
      access.seconds);
  body_bytes_.add({{"http_route", access.route}}, static_cast<double>(access.body_bytes));
}

std::vector<Route> metric_routes(obs::Metrics& metrics) {
  return {{"GET", "/metrics", [&metrics](const Request&) {
             Response response;
             response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8";
             response.body = metrics.text();
             return response;
           }}};
}

}  // namespace hub::api
