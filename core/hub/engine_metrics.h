#pragma once

#include <string>

#include "core/base/engine_events.h"
#include "core/obs/metrics.h"

namespace hub::hub {

// What engines report of their requests and steps, as metrics (docs/metrics.md, "Generation").
// Thread-safe.
class EngineMetrics {
 public:
  explicit EngineMetrics(obs::Metrics& metrics);

  // A request has ended.
  void usage(const std::string& model, const base::EngineUsage& usage);
  // What an engine did between two words of one process; the first is EngineWork().
  void work(const std::string& model, const base::EngineWork& before, const base::EngineWork& now);

  void loaded(double seconds);
  // "asked", "crashed", "failed", "hung"
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
  obs::CounterFamily slow_steps_;
  obs::CounterFamily preemptions_;
  obs::CounterFamily refused_;
  obs::CounterFamily cached_tokens_;
  obs::CounterFamily drafted_tokens_;
  obs::CounterFamily accepted_tokens_;
  obs::CounterFamily prefix_files_;
  obs::CounterFamily prefix_disk_tokens_;
  obs::HistogramFamily load_;
  obs::CounterFamily ends_;
};

}  // namespace hub::hub
