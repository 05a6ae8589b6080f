#pragma once

#include <cstdint>
#include <string>

#include "core/obs/metrics.h"
#include "core/registry/key_meter.h"

namespace hub::hub {

// What API keys use, as metrics (docs/metrics.md, "API keys"). Thread-safe.
class KeyMetrics {
 public:
  explicit KeyMetrics(obs::Metrics& metrics);

  // By the key's name.
  void admitted(const std::string& key);
  void refused(const std::string& key, registry::KeyLimit limit);
  void tokens(const std::string& key, std::int64_t prompt, std::int64_t completion);

 private:
  obs::BoundedNames names_;
  obs::CounterFamily requests_;
  obs::CounterFamily refused_;
  obs::CounterFamily tokens_;
};

}  // namespace hub::hub
