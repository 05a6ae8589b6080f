#include "core/obs/otlp.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::obs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kErrorStatus = 2;

Json value_json(const AttributeValue& value) {
  struct Visitor {
    Json operator()(bool flag) const { return {{"boolValue", flag}}; }
    Json operator()(std::int64_t number) const { return {{"intValue", fmt::format("{}", number)}}; }
    Json operator()(double number) const { return {{"doubleValue", number}}; }
    Json operator()(const std::string& text) const { return {{"stringValue", text}}; }
    Json operator()(const std::vector<std::string>& texts) const {
      Json values = Json::array();
      for (const std::string& text : texts) {
        values.push_back((*this)(text));
      }
      return {{"arrayValue", {{"values", std::move(values)}}}};
    }
  };
  return std::visit(Visitor{}, value);
}

Json attributes_json(const Attributes& attributes) {
  Json list = Json::array();
  for (const auto& [key, value] : attributes) {
    list.push_back({{"key", key}, {"value", value_json(value)}});
  }
  return list;
}

Json span_json(const Span& span) {
  Json json = {{"traceId", span.trace_id}, {"spanId", span.span_id}};
  if (!span.parent_span_id.empty()) {
    json["parentSpanId"] = span.parent_span_id;
  }
  json["name"] = span.name;
  json["kind"] = static_cast<int>(span.kind);
  json["startTimeUnixNano"] = fmt::format("{}", span.start_ns);
  json["endTimeUnixNano"] = fmt::format("{}", std::max(span.start_ns, span.end_ns));
  json["attributes"] = attributes_json(span.attributes);
  if (!span.links.empty()) {
    Json links = Json::array();
    for (const SpanLink& link : span.links) {
      links.push_back({{"traceId", link.trace_id}, {"spanId", link.span_id}});
    }
    json["links"] = std::move(links);
  }
  if (span.failed) {
    json["status"] = {{"code", kErrorStatus}, {"message", span.failure}};
  }
  return json;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string otlp_traces(std::span<const Span> spans, const Attributes& resource) {
  Json list = Json::array();
  for (const Span& span : spans) {
    list.push_back(span_json(span));
  }
  const Json scope = {
      {"scope", {{"name", "mlx-hub"}, {"version", HUB_VERSION}}}, {"spans", std::move(list)}};
  const Json all = {
      {"resourceSpans",
       Json::array(
           {{{"resource", {{"attributes", attributes_json(resource)}}},
             {"scopeSpans", Json::array({scope})}}})}};
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::pair<std::string, std::string>> otlp_headers(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> headers;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (part.empty()) {
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("OTEL_EXPORTER_OTLP_HEADERS must be name=value,…, got '{}'", part));
    }
    headers.emplace_back(
        trimmed(part.substr(0, equals)), percent_decoded(trimmed(part.substr(equals + 1))));
  }
  return headers;
}

}  // namespace hub::obs
