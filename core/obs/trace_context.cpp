#include "core/obs/trace_context.h"

#include <charconv>
#include <cstdint>
#include <random>

#include <fmt/format.h>

namespace hub::obs {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr std::size_t kHeaderLength = 55;  // 2 + 32 + 16 + 2 digits and 3 dashes
constexpr std::size_t kRandomDigits = 14;  // 56 bits
constexpr unsigned kSampledFlag = 1;

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return is_hexadecimal(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::uint64_t random_bits() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  std::uint64_t bits = 0;
  while (bits == 0) {  // an id of zeros is none
    bits = engine();
  }
  return bits;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  if (header.size() != kHeaderLength || !header.starts_with("00-") || header[35] != '-' ||
      header[52] != '-') {
    return std::nullopt;
  }
  const std::string_view trace = header.substr(3, kTraceDigits);
  const std::string_view span = header.substr(36, kSpanDigits);
  const std::string_view flags = header.substr(53);
  if (!is_id(trace) || !is_id(span) || !is_hexadecimal(flags)) {
    return std::nullopt;
  }
  unsigned bits = 0;
  std::from_chars(flags.data(), flags.data() + flags.size(), bits, 16);
  return TraceContext{std::string(trace), std::string(span), (bits & kSampledFlag) != 0};
}

std::string traceparent(const TraceContext& context) {
  return fmt::format(
      "00-{}-{}-{}", context.trace_id, context.span_id, context.sampled ? "01" : "00");
}

std::string new_trace_id() {
  return fmt::format("{:016x}{:016x}", random_bits(), random_bits());
}

std::string new_span_id() {
  return fmt::format("{:016x}", random_bits());
}

bool in_sample(std::string_view trace_id, double ratio) {
  const std::string_view digits = trace_id.substr(trace_id.size() - kRandomDigits);
  std::uint64_t bits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  return bits < static_cast<std::uint64_t>(ratio * 0x1p56);
}

}  // namespace hub::obs
