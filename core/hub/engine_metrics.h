#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/json_reader.h"
#include "core/obs/metrics.h"

namespace hub::hub {

// What engines report of their requests and steps, as metrics (docs/metrics.md, "Generation").
// Thread-safe.
class EngineMetrics {
 public:
  explicit EngineMetrics(obs::Metrics& metrics);

  // An engine's event "usage": a request has ended.
  void usage(const std::string& model, const base::JsonReader& event);

  // Sums of one engine process at its last event "work"; they begin at 0 with each process.
  using Sums = std::map<std::string, std::int64_t>;
  // What came since `before`, which is brought up to date.
  void work(const std::string& model, const base::JsonReader& event, Sums& before);

  void loaded(double seconds);
  // "asked", "crashed", "failed"
  void ended(const std::string& reason);

  // The value of label gen_ai_request_model.
  std::string label(const std::string& model) { return names_(model); }

 private:
  obs::BoundedNames names_;
  obs::HistogramFamily first_token_;
  obs::HistogramFamily output_token_;
  obs::HistogramFamily duration_;
  obs::HistogramFamily tokens_;
  obs::HistogramFamily queue_wait_;
  obs::HistogramFamily prefill_;
  obs::CounterFamily model_tokens_;
  obs::CounterFamily steps_;
  obs::CounterFamily step_sequences_;
  obs::CounterFamily preemptions_;
  obs::HistogramFamily load_;
  obs::CounterFamily ends_;
};

}  // namespace hub::hub
