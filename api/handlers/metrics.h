#pragma once

#include <vector>

#include "api/server/http.h"
#include "api/server/server.h"
#include "core/obs/metrics.h"

namespace hub::api {

// HTTP as metrics (docs/metrics.md, "HTTP"). Thread-safe.
class HttpMetrics {
 public:
  explicit HttpMetrics(obs::Metrics& metrics);

  // A request has been answered; quick.
  void finished(const Access& access);

 private:
  obs::HistogramFamily duration_;
  obs::CounterFamily body_bytes_;
};

// GET /metrics.
std::vector<Route> metric_routes(obs::Metrics& metrics);

}  // namespace hub::api
