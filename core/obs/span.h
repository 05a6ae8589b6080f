#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hub::obs {

using AttributeValue = std::variant<bool, std::int64_t, double, std::string>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

// One finished span of a trace (https://opentelemetry.io/docs/specs/otel/trace/api/#span).
struct Span {
  std::string trace_id;        // 32 hexadecimal digits, not all 0
  std::string span_id;         // 16
  std::string parent_span_id;  // 16; empty: the trace's root
  std::string name;
  std::int64_t start_ms = 0;  // Unix time
  std::int64_t end_ms = 0;
  Attributes attributes;
  bool failed = false;
  std::string failure;  // why
};

}  // namespace hub::obs
