#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/obs/span.h"

namespace hub::obs {

// An ExportTraceServiceRequest in OTLP's JSON encoding
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal, 64-bit
// integers as text. `resource` describes this process ("service.name", …).
std::string otlp_traces(std::span<const Span> spans, const Attributes& resource);

// "name=value,name=value" of OTEL_EXPORTER_OTLP_HEADERS, percent-decoded. Throws kInvalidArgument
// for a part without "=".
std::vector<std::pair<std::string, std::string>> otlp_headers(std::string_view text);

}  // namespace hub::obs
