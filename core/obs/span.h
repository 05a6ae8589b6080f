#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hub::obs {

using AttributeValue =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

// The protocol's numbers.
enum class SpanKind : std::uint8_t { kInternal = 1, kServer = 2, kClient = 3 };

// Another span, mostly of another trace, that has to do with this one.
struct SpanLink {
  std::string trace_id;
  std::string span_id;
};

// One finished span of a trace (https://opentelemetry.io/docs/specs/otel/trace/api/#span).
struct Span {
  std::string trace_id;        // 32 hexadecimal digits, not all 0
  std::string span_id;         // 16
  std::string parent_span_id;  // 16; empty: the trace's root
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  std::int64_t start_ns = 0;  // Unix time
  std::int64_t end_ns = 0;
  Attributes attributes;
  std::vector<SpanLink> links;
  bool failed = false;
  std::string failure;  // why
};

}  // namespace hub::obs
